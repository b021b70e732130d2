"""The same identifiers in other words: of nurses, patients, lawyers, forms and scanned pages."""

import pytest

from medtune.text.identifiers import find_spans

# What else such a sentence holds does not matter here.
VARIANTS = {
    "name": """
        Family meeting held with wife Consuelo and both sons. | Pt accompanied by caretaker, Wanjiru. |
        Endorsed to night nurse Abimbola. | Report given to Tamika, RN on 4 West. |
        Zbigniew reports no chest pain. | Discussed case w/ Dr. Szczepanski. | Reviewed with attending Dr Quaye. |
        The patient, Leocadia Ferreira, is well known to me. | Thank you for seeing Oskar, a 7 year old boy. |
        Mr. and Mrs. Takahashi attended. | HCP: Ottoline Marsh (niece) | Legal guardian Percival Dunmore signed. |
        I, Lorna Pettibone, consent to the procedure. | witness: G. Abernathy | Yours sincerely Hamish McTavish |
        hey doc its darnell | this is mrs. gutierrez , my blood sugar is high |
        [patient] my daughter amina found it online . | [doctor] hey ruben , good to see you . |
        Doctor: Mr. Haddad, please sit. Patient: Thank you. |
        Patient: I'm Tobias. Doctor: Nice to meet you, Tobias. | Kind regards Dr Ferdinand Obuya |
        PT NAME WIERZBICKI ANNA | NAME: KAPOOR, SUNITA R. | Pat1ent: Delroy Hutchins |
        RE: SALAZAR, INES MRN 221334 | Surgeon: Dr. E. Vandenbroucke | assistant Petra Novotna |
        dictating for Dr. Lim | Interviewed the suspect, Jaquan Whitlow, in the ED. |
        Her ex-husband Gerhard has custody. | Please tell Nurse Adaeze thanks. |
        claim of Marguerite Delacroix v. the hospital | Plaintiff: Esperanza Villalobos |
        Deponent Clyde Barnaby states | Electronically signed: Nkechi Uzoma MD | Pharmacist Lindsay Quan verified. |
        Ordered by Feng, collected by Rosales. | Baby boy Hutchinson transferred. | Aoife says the pain is gone. |
        hubby Darren noticed the lump | From: T. Mbatha Sent: Monday | Contact person Ilse Brandt, neighbour |
        Chidi's mother called. | Saw Mx. Harlow for hormones. | His son-in-law Raj interprets. |
        Hello Dr. Vogel, my name is Nadine. |
        Pt's mother, Thelma, at bedside and updated. | Spoke to Mr. Adeleke's niece about the plan. |
        D/w Dr Nwosu, agrees. | Pt seen w/ Halvorsen RN at 0300. | Xiomara Peñaloza was transferred from the ED. |
        PCP: Bagchi. | Seen and examined with resident Dr. Tuomi. | Olufemi has been sleeping better. |
        I told Keisha to call back. | Her boyfriend Dmitri drove her here. | Client: Ngozi Umeh |
        Attending: Oyelowo | To: Annika Lindgren, From: P. Szymanski | hi this is latoya, i need a refill |
        my name is rajesh and i have back pain | [doctor] so , gladys , how have you been ? |
        [doctor] i saw mister baumgartner last week | Best, Shauna | Sent from my phone, Terrence |
        PATIENT: VANDERMEER, LOIS J | DICTATED BY HARPREET GILL, M.D. | SURGEON: T. OKONJO MD |
        Referring provider Maribel Quiñones-Vega, FNP | Next of kin Agatha Finch (daughter) |
        The interpreter, Hung Tran, was present. | Witnessed by B. Kowalski. | Officer Daniels brought him in. |
        He was found down by his landlord Mr. Petrakis. | Mum Shona and dad Callum both present. |
        Baby Olivia is feeding well. | Twin A, Noah, weighed 2.1 kg. | Emergency contact is Yusuf Demir. |
        Please ask for Colette at the front desk. | Ms Adichie was reviewed. |
        under the care of Professor Blomqvist | Cc: Ruairi MacEoin | Jean-Luc Thibodeaux, a 44 yo man, fell. |
        54M John Okafor with chest pain. | Signed: A. B. Chatterjee | Dear Ms. Wojciechowska, |
        O'Shaughnessy, Liam DOB 3/4/1980 | pt mclaughlin is resting | CSN: seen by nurse practitioner Fay Odom |
        Patient name Rutherford Quincy | he lives with his partner Sven | Chaplain Obi visited. |
        Lawyer for the plaintiff, Harriet Vane, requested records. | plaintiff Bernadette Okoye alleges |
        Grandma Rosie has been dizzy. | thx, mike | - Janelle | Posted by Anjali on the board |
        Discussed at MDT by Mr Featherstonehaugh. | Discharge summary MARTINEZ, CARLOS | Patient: Kim Soo-jin |
        Ms. de Souza declined. | PT: LEROY BROWN
    """,
    "date": """
        14 Mar 0930 | Discharged March 14th, '16 | Next appt: 6-Jun-2022 | Admit 20190314 |
        LMP was the 3rd of june | pt last seen 3.14.2016 | injured on Tuesday, Oct. 4 | May 4-6, 2016 |
        dob march 3 1960 | Died Dec 12th. | Effective date 07-01-2015 | The accident of December the 3rd, 2014 |
        2016-3-4 CT | symptoms since 5/20 | my surgery is nov 12 | 4 July 2016 | on the fourteenth of February |
        Labs 11/2/15: Na 140 |
        3/14 - admitted | 14.3.19 seen in clinic | the 5th of Nov | DOB 7/4/51 | on Sunday the 4th of July |
        f/u 9/12 | Sept 9 MRI | surgery scheduled for 11/03 | Date: 2019.03.14 | 03 MAR 2020 |
        the twelfth of december last year | since july 4th twenty fifteen | 10-12-2018 to 10-19-2018 | DOS: 041519 |
        expires 06/24/2025 | born 12 / 05 / 1960 | Visit on May 3rd | it started march 2nd | 1/2/2020-1/9/2020 |
        period Dec 24
    """,
    "age": """
        The pt is a 96 yr. old female | a 92 y.o. M | 94 year-old | her mother, who is 97, lives alone |
        92-YEAR-OLD FEMALE | lived to 101 | Mother alive at 94. | father died age 91 | 91 y/o F | 93yrs 93yrs male |
        grandma just turned ninety five | Age: 90 years | 102-year old veteran |
        my great-grandfather, 99, still drives | she will be 93 next week | (age 91) | Pt. is 95 years old. |
        a 95-year-old nun | 91yo F | pt is 93 | He turned 100 last month. | she just celebrated her 98th birthday |
        Age 92y | my nan (94) fell | 101 y.o. woman | at the age of 93, he | died aged 97 | he's ninety three |
        a ninety-year-old farmer | 92 yr old gentleman | Grandfather died at 91 of stroke. | She's going on 93. |
        94-y/o | AGE 99 YRS | the 96 year-old resident
    """,
    "phone": """
        phone (212)555-0177 | T: 0161 496 0000 | contact # 2125550177 | 212 555 0177 (cell) |
        Cell/text 646-555-0133 | Tel. no. 0207 946 0321 |
        my number's two one two five five five oh one seven seven |
        ph 555-0123 | Call 5551239876 | cell #415 555 0199 | my number is 212-555-0177 | tel. +44 7700 900456 |
        Mobile: 07700 900456 | (0161) 496 0123 | pager 4471 | ext 4471 | 1.800.555.0199 | call us at 555.0188 |
        phone: five five five oh one nine nine | Tel +91-98765-43210 | Home# 3125550144 | (+1) 312-555-0144
    """,
    "fax": """
        Fax- 212-555-0133 | by facsimile to (212) 555-0133 | FAX +1 212 555 0133 | 212-555-0133 (F) |
        Fx: 212 555 0123 | Please fax records to 2125550123 | F 212-555-0123 | Ph 212-555-0100 / Fax 212-555-0101 |
        fax it over, number is 555-0188 | efax 212-555-0123 | Facsimile no. +44 20 7946 0000
    """,
    "address": """
        lives at Apt 5, 310 Cedar Ave | 2100 W. Flagler St., Miami | Send the walker to 18 Larkspur Drive. |
        She moved to 1520 Old Post Rd | 66 Rue de Rivoli | 10 Downing St | 4810 HWY 17 S |
        home address 231 birch ave | Via Garibaldi 22, Torino | mailing: P O Box 331 | 19B Canal Walk |
        residing at 7 Thornbury Mews | One Hospital Plaza |
        lives at 14 Maple Ct | 77 Massachusetts Ave, Apt 3 | 1400 N Lake Shore Dr |
        5 Rosemary Cottages, Little Snoring | 12 rue des Lilas, 75011 Paris | address: 909 w. elm st |
        1123 ELM STREET APT 5 | PO BOX 4471 | Flat 2, 14 Hanover Gardens | She resides at 44 Bluebird Trace. |
        Bahnhofstr. 5 | Lives on Magnolia Street | 12345 SW 67th Pl
    """,
    "zip": """
        Denver, CO. 80203 | zip-code 30309 | Lives in zip 94110 | Ottawa, ON K1P 5M7 | Leeds LS2 9JT |
        12 Oak St, Salem, Oregon 97301 | City: Troy State: NY Zip: 12180 |
        Reno NV 89501 | Zip 02134 | postal code H3Z 2Y7 | postcode ls1 4dy | Chicago, Illinois, 60614 |
        Portland OR 97205
    """,
    "record": """
        MRN-0099123 | Hosp#221334 | Medical Rec. Number 22-13-34 | pt. # 99123 | Case: S-22-13344 |
        Path no. SP19-2213 | Unit # 0221334 | patient ID number P-99213 | admission # A19002213 |
        NHS no 943-476-5919 | NHS: 9434765919 | chart no B-2213 | her MRN, 7712334, was wrong |
        Encounter ID E-2213344 | order number 55123390 | record #99123 was pulled | IP No 2213/19 |
        study ID TX-0091 | Adm no: 221334 |
        Hosp. no.: H-221-09 | MR# 221-33-09 | MRN A1234567 | med rec 0099123 | Pt. number 55213 |
        Accession: S21-4432 | Acc# 21-MR-0091 | URN 4455123 | NHI ABC1234 | visit #88213321 | CHART 88123 |
        case # 19-2231 | specimen number B20-1123 | the medical record (0099213) | encounter no 77123999 |
        Patient No: 99812 | file no. 221/19 | MPI 10092231 | Lab ID L99-1123 | Study subject 004-0192
    """,
    "account": """
        Acct. no 22-1334-5 | health insurance number A123 456 789 | policy holder ID PH221334 |
        Medicare card 1EG4-TE5-MK73 | Patient account 00221334 | card no. 4111-1111-1111-1111 | Cigna U2213344501 |
        checking account ending 2213 | Group no. GRP-2213 | Payer ID 60054 | authorization # AU221334 |
        guarantor acct 221334 | Routing 021000021 | plan # H2213-004 |
        Acct 7761-22 | BCBS ID XQP882211334 | Blue Cross member R8821344 | Group: 77123 | Policy HH-221-990 |
        claim 20190021-33 | Medicaid AB12345C | HICN 123-45-6789A | visa ending in 4421 | invoice INV-00921 |
        bill number 9921334 | insurance card number W221 99 3321 | bank acct 0099123321 | Aetna ID# W2213 44521 |
        copay charged to 4012 8888 8888 1881
    """,
    "licence": """
        MD license MD221334 | licensed, no. RN221334 | driver's lic B221-334-55 | DEA: BF 2213345 |
        N.P.I. 1922334455 | passport X2213344 | Driver license no. 22 133 445 | BON # RN 221334 |
        medical council no. 2213344 |
        Lic# A99213 | CA license C55213 | DL: D1234567 | passport 533401992 | Dr. license # ME 0099213 |
        DEA no MB9921335 | state ID S221-4451-9921 | nursing license RN-221334 | pharmacist license PH 22133 |
        GMC no 6123456 | NPI is 1922334455 | certification # ABIM 221334
    """,
    "device": """
        S/N 22-1334 | ser # AB22133 | serial number of B2213-44 | Device ID DX-22134 | hip implant serial 22133-X |
        pump SN# PX2213 | lead model 5076, serial PJN221334 | UDI-DI 00844588003288 |
        SN: AB2213 | serial 221-993-A | pump serial number is MMT-7712 0091 | pacer SN PNV221334 |
        device # 99-2213 | stent serial S2213-A | insulin pump (SN 1009921) | UDI (01)09506000134352 |
        CPAP serial 23112 009121 | model 3830 serial no LFF221334V | glucometer ID G7-22133 |
        IMEI: 356938035643809
    """,
    "vehicle": """
        license tag BRX 4471 | License plate: XYZ 123 | plate ABC123 | truck with plates 4ABC221 |
        car, reg AB12 CDE, | V.I.N. 1HGCM82633A004352 | vehicle tag 22B 441 | blue Honda, plate LMN-4471 |
        VIN number WVWZZZ1JZXW000001 | plate no MH 12 AB 1234 |
        plate ABC-1234 | tag # GRX 221 | car reg LK19 XTR | VIN 1G1YY22G965104321 | lic plate 7ABC123 |
        drives a Civic, plate number 8XYZ221 | reg no. KA-01-HH-1234 | vehicle ID 2T1BURHE0JC123456 |
        his truck (Texas plate BTR-9921)
    """,
    "ssn": """
        SSN - 221-33-4455 | Soc. Sec. No: 221-33-4455 | SS 221-33-4455 | social is 221 33 4455 | SSN:221334455 |
        last four 4455 of her social |
        SS# 221-33-9921 | social 221339921 | soc sec no 221 33 9921 | SSN last 4: 9921 | SSN ***-**-9921 |
        social security two two one three three nine nine two one | 221-33-9921 | ss no. 221-33-9921
    """,
    "email": """
        email jane_doe at gmail dot com | k.o'neil@example.org | E: front.desk@clinic.example.com |
        first.last (at) example.com | jdoe @ example.com | jdoe@example,com
    """,
    "url": """
        example.com/pt/221 | see mychart.example.org | http://example.org
    """,
}
OTHERS = [(kind, text.strip()) for kind, texts in VARIANTS.items() for text in texts.split(" |")]


@pytest.mark.parametrize(("kind", "text"), OTHERS)
def test_each_kind_is_found_in_other_words(kind, text):
    assert kind in {span.kind for span in find_spans(text)}

"""What the scan finds, in the words of nurses, patients, lawyers, forms and scanned pages."""

from collections import Counter

import pytest

from medtune.text.identifiers import find_identifiers, find_spans, mask

# One identifier each, of this kind and no other.
FOUND = {
    "name": """
        Mr Smith | name: john smith | Primary care physician: Lena Fischer | Interpreter: Fatuma Ali | Hi Sam! |
        Surgeon: K. Yamamoto, MD | PATIENT NAME: MARIA DELGADO | dictated by Harold P. Jennings, M.D. |
        discussed with Dr. Lee-Wong | Mr. J. Smith | accompanied by her sister Noor Haddad | Thanks so much,\nBeth |
        His friend Marcus drove him | This is Laura from radiology | Hi, I'm Kevin. | Cc: Dr. Emeka Obi |
        Next of kin: Mary-Ann Tate | Reviewed by: Ingrid Solberg | signed: T. R. Whitfield, RN |
        Dear Mr and Mrs Hopkins, | Good morning Mrs. Okonkwo, | Patient: Doe, Jane | My daughter Saoirse has a rash |
        My name is Zbigniew and I have gout. | Best regards,\nDr. Priya Raman | I spoke to Mr Abdullah this morning. |
        Hello Dr Nguyen, | Pt. name: Kowalczyk, Marek | Patient name: SMITH, JOHN | Mr. Kowalski came. |
        Mrs O'Brien was seen | seen by Dr. F. He said | Prof. Anna de la Cruz-Lopez spoke. | my name is Jane Doe |
        I am Jane Doe and I have | I'm Sarah, 34 | Hi Logan, it is | hello john | [doctor] hi logan , how are you ? |
        [doctor] hi , james , how are you ? | Dear Tabitha, you | Regards, Jay In | Sincerely,\nAnna Kowalska |
        Thanks,\nMaria | her husband Tom Reyes drove | his wife, Ann, called | seen by Anna Kowalska yesterday |
        referred by Dr. Patel | SMITH, John was | Logan Harris is a 57-year-old male | logan is a 57 year old male |
        John Smith, MD | Attending: Maria Gonzalez | Name: Peter van der Berg |
        ATTENDING PHYSICIAN: John Q. Public, M.D. | mrs. king ? | dr . martinez said | doctor michael said |
        Emergency contact: Bob Jones (brother) | a patient named Olga Petrova | Miss Taylor left | MR. JONES ARRIVED |
        Spoke with Karen Li today
    """,
    "date": """
        10-JUN-2011 | Apr 2015 | the 21st of June | June 3-7, 2019 | last seen 11/2019 | Date of birth: 1955-02-14 |
        DOB: 14 Feb 1955 | Admission date: 12/31/1999 | Thursday, August 6, 2020 | 28.2.2020 | on 2020/02/28 |
        discharged on 2/28/20 | follow-up on 6/15 | Jan. 5 | on the 5th of November 2018 | 04 Jan 2020 |
        since 03-14-2019 | born on 5 June 1948 | DOB 3/14/62 | on 12 March | on 2019-03-14 he | 03/14/2019 | 3/4/19 |
        14.03.2019 | 14/03/2019 | 3rd of March | March 14 | Tuesday 4 May | seen on 03/14. | admitted 3/14 |
        DOB: 03-14-62 | DOB 19620314 | 14-Mar-2019 | March 2019 | Sept. 3, 2020 | the third of March | march 14th |
        visit 12/01 | Mar 14 2019 10:22 | 2019-03-14T10:22:00Z | 03/2019 | 5/12/2020- | dated 2021/04/05 |
        12 Dec '19
    """,
    "age": """
        AGE: 92 | 97 y/o | a ninety-three-year-old | at the age of 96 | 94-yo M | age 90 | She is 91 years old |
        95 year old | a 103-year-old woman | a 92-year-old man | aged 94 | Age: 101 | 93 y.o. female | 95 yo |
        ninety-one years old | 91 years of age | 90 yr old | turned 97 | 99F with | She is 92 and frail
    """,
    "phone": """
        pager 555-0101 | 0049 30 1234567 | reach her on 555-867-5309 x22 | +91 98765 43210 |
        Contact number: 5558675309 | mobile 07700 900123 | call me at 555 867 5309 | Ph: 555.867.5309 |
        1-555-867-5309 | Tel +33 1 42 68 53 00 | (212) 555-0198 | 555-123-4567 | (555) 123-4567 | +1 555-123-4567 |
        +44 20 7946 0958 | call 555-0142 | Tel: 020 7946 0958 | phone 5551234567 | 212.555.1234 |
        555-123-4567 ext. 12 | +49 30 901820 | cell: 98765 43210 | Pager 12345678 | phone number is 555 123 4567
    """,
    "fax": """
        fax to +44 20 7946 0959 | Fax no. 555.867.5310 | FAX#: 555-867-5310 | Fax (212) 555-0199 | Fax: 555-123-4567 |
        fax number (555) 123-4567 | F: 555-123-4567 | faxed to 555-123-4567 | 555-123-4567 (fax)
    """,
    "email": """
        maria(at)mail.com | maria_d99@mail.co.uk | MARIA.D@HOSPITAL.ORG | jane.doe+lab@clinic.example.org |
        jane [at] clinic [dot] org | jane at clinic dot com
    """,
    "url": """
        http://10.2.3.4/x | facebook.com/jane.doe.77 | https://mychart.example.com/pt/123 |
        https://portal.example.org/p?id=7 | www.example.org | portal.example.org/patient/7 | praxis-mueller.de
    """,
    "ip": """
        logged in from 203.0.113.42 | fe80::1ff:fe23:4567:890a | IP address 172.16.254.1 | 192.168.10.254 |
        2001:0db8:85a3::8a2e:0370:7334 | from 10.0.0.7 at
    """,
    "address": """
        18 OAK LANE | 35 Rue Court | 1201 Third Ave, Suite 400 | PO Box 77 | 9 W 57th St | Flat 3, 27 Abbey Road |
        742 Evergreen Terrace | 1600 Pennsylvania Avenue NW | 123 Main Street | 4501 N. Oak Ridge Blvd., Apt 4B |
        12 High St, Springfield | P.O. Box 1234 | lives at 42 elm street | Hauptstraße 12 | 88 5th Avenue |
        77 SUNSET BLVD | 221B Baker Street
    """,
    "zip": """
        zip 10001 | Austin, Texas 78701 | Toronto M5V 2T6 | London NW1 6XE | Boston, MA 02115 |
        Springfield, IL 62704 | zip code 02139 | SW1A 1AA | K1A 0B6 | CA 90210-1234 | ZIP: 60614
    """,
    "record": """
        specimen ID: SP-20-4432 | encounter #99817263 | medical record no 55671 | Unit No: 123-45-67 |
        Chart number 778812 | Case no. 2019-00412 | Pt ID 5567123 | Hospital Number: RX884421 | MRN# 0099812 |
        Medical Record #: 778-21-990 | MRN: 00482913 | medical record number is 12-34-56 | Patient ID: A123456 |
        chart #44821 | NHS number 943 476 5919 | MRN 4482913 | Accession No. S19-12345 | MRN00482913 |
        hospital no. H445566
    """,
    "account": """
        billing account no. 667788 | Claim #: 2020-5567 | Medicare ID: 1EG4TE5MK73 | card 5500 0000 0000 0004 |
        GB82 WEST 1234 5698 7654 32 | bank account 12345678901 | Policy number: HG-443322 |
        health plan beneficiary number 8877665544 | Subscriber ID 554433221 | Insurance ID: WXY88991122 |
        Acct: 0099887766 | Account number 12345678 | Member ID: XYZ123456789 | policy no. 44-556677 |
        DE89 3704 0044 0532 0130 00 | 4111 1111 1111 1111 | Medicare number 1EG4-TE5-MK72 | health plan ID 99887766 |
        acct # 5544332 | Medicaid ID 12345678A | group number 77812
    """,
    "licence": """
        licence no. 44/5566 | certificate number 889900 | Medical License: A-44556 | driver license no. D7788123 |
        license number RN556677 | Driver's License: S530-4601-2345 | NPI# 1619900000 | DEA #: FS8524616 |
        DEA AB1234563 | NPI 1234567893 | NPI: 1234567893 | driver's license D123-4567-8901 | state license # 445566 |
        Lic. no. MD12345 | DL# S1234567 | medical license number G55667 | passport no. X1234567 |
        registered as BS1234563
    """,
    "device": """
        UDI: 00844588003288 | device serial 44-88-21 | IMEI 490154203237518 | pump S/N 889912 | Serial: XJ-99182 |
        ICD generator serial number BLC123456 | serial # 5567-8812 | Serial No: A1B2C3D4 | serial number SN-44821 |
        S/N: 99A4412 | pacemaker serial no. PJN123456 | device ID 7788-99 | 00:1B:44:11:3A:B7 | SN 4419982X |
        (01)00844588003288(21)A123
    """,
    "vehicle": """
        VIN 5YJSA1E26MF123456 | Plate # KJH 442 | License plate number: GHT-5519 | license plate 8ABC123 |
        VIN: 4T1BF1FK5CU123456 | VIN 1M8GDM9AXKP042788 | 1HGCM82633A004352 | license plate ABC 1234 |
        plate number: 7XYZ123 | registration plate AB12 CDE | vehicle registration AB12 CDE |
        licence plate number is KLM-4471
    """,
    "ssn": """
        social security: ***-**-1234 | soc sec 219-09-9999 | 219 09 9999 | Social Security No. 219-09-9999 |
        SSN# 219099999 | SSN: 219-09-9999 | 123-45-6789 | SSN 123456789 | social security number: 123 45 6789 |
        SSN ending in 6789 | last four of SSN 1234 | ssn xxx-xx-6789
    """,
}
CASES = [
    (kind, text.removeprefix("\n").strip(" "))
    for kind, texts in FOUND.items()
    for text in texts.strip().split("|")
]


@pytest.mark.parametrize(("kind", "text"), CASES)
def test_each_kind_is_found(kind, text):
    assert find_identifiers(text) == Counter({kind: 1})
    assert f"[{kind.upper()}-1]" in mask(text)


def test_masked_text_is_clean():
    text = " ".join(text + "." for _, text in CASES)
    assert not find_identifiers(mask(mask(text)))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("He is 97 y/o", "97 y/o"),
        ("sister, aged 95, fell", "aged 95"),
        ("a ninety-one-year-old man", "ninety-one-year-old"),
        ('Grandson Wilhelm "Billie" Hofer came', 'Wilhelm "Billie" Hofer'),
        ("Signed by Theodore Ashby III.", "Theodore Ashby III"),
        ("I saw Zeynep al-Rashid today", "Zeynep al-Rashid"),
        ("PATIENT: OKAFOR, JOHN", "OKAFOR, JOHN"),
        ("license RN 712233 expires", "RN 712233"),
        ("MRN 712233 reviewed", "712233"),
        (
            "his social is four one two six three seven seven nine oh",
            "four one two six three seven seven nine oh",
        ),
        ("DOB O4/12/1933", "O4/12/1933"),
        ("SER1AL NO: QRT4471O2", "QRT4471O2"),
    ],
)
def test_all_of_the_value_is_found(text, found):
    assert [text[span.start : span.end] for span in find_spans(text)] == [found]


@pytest.mark.parametrize(
    "text",
    [
        "Lucinda Bell has Bell palsy.",
        "Grace Okafor said grace.",
        "Mark Novak will mark the site.",
    ],
)
def test_a_usual_word_is_a_name_beside_a_name_only(text):
    assert find_identifiers(text) == Counter(name=1)

"""Clinical text that looks like identifiers and holds none: the scan leaves it alone."""

import pytest

from medtune.text.identifiers import mask

CLINICAL = r"""
BP 120/80, HR 64, K 4.9, creatinine 1.3 (was 1.2).
Take 500 mg 3-4 times a day for 10-14 days.
Version 1.2.3 of the 2019 guideline; ICD-10 E11.9; T12-L1.
ABG on arrival 7.46/33/68 on two liters.
Dilution 1:1000, ratio 999.999.999.999.
Parkinson's disease, Graves disease, Foley catheter, Hodgkin lymphoma, Down syndrome.
Pain 5/10, vision 20/40, strength 5/5, L4-5 disc, mass 3 x 4 x 2 cm.
You May take aspirin. It may 2 days later resolve. March on.
BRCA1, TP53, OCT4, SEPT9, MARCH1, HER2 and CD4 genes.
PMID 12345678, NCT01234567, N Engl J Med 2012;366:1080-9. doi:10.1056/NEJMoa1200303
CPT 99213, ICD E11.9, CAS 50-78-2, NDC 0002-8215-01.
Dear Sir or Madam, Hello dear friend, Hi doctor, Dear Doctor, Hi there.
Hi, Psoriasis is a skin disease. Hello, Thanks for posting your query.
Glucose 95 mg/dL, WBC 11,000, platelets 250,000, Hgb 12.5.
In 2019 he was 65 years old. A 45-year-old man. Aged 89.
The study ran 90 days with 95% of patients; 100 mg; 92 bpm.
People aged 90 years or older, over 90 years of age.
MS. Treatment is with interferon. MR Imaging was done. MR. The valve was fine.
Take 1/2 tablet on 1/2 of the days; scored 8/9 Apgar 8/9/9.
Seen by Cardiology. Referred by Primary Care. Evaluated by Infectious Disease.
I am Rh Negative. I am Type 2. I am African American.
Her Mother Had cancer. My Son Has asthma. His brother has gout.
Generic name: Metformin Hydrochloride. Brand name: Glucophage. Test name: Complete Blood Count.
Vitamin B12 5 mg, T4 3 ng, H1N1 2009 flu.
2 mm ST depression, 12 Lead St elevation. HEAD CT.
Plate 3.5 mm and 6 screws. growth plate 1234.
white blood cell count 4500-11000. cell count 4500-11000 per uL
Call 911. Contact lenses -2.50.
Blood pressure 120/80/60, sodium 140/4.0/100. 1/2000 births.
Dear Colleague, ECG: Sinus rhythm. Diagnosis: Type 2 Diabetes. Physician: Internal Medicine. Assessment: Acute Pancreatitis.
AIDS, Hepatitis and TB. HIV, Rose water. DNA, RNA.
group 1 may improve. Step 2 may be. from 5/10 to 2/10 pain
Patient is a 57-year-old. She is a 45-year-old. This is a 3 day old.
The case number of deaths was 12345. records of 12345 patients. Patient 12345 cases
ratio 1.2.3.4 and section 10.12.14.16
Thanks. Take care. Regards. Best wishes for your health.
St. John's wort. Johns Hopkins. Mayo Clinic. Dr. Who cares.
seen in May. In May the pollen. He was admitted in 2019. 5-10-15 mg. sat 98/2L
12-14-16 mm; 3/5 strength; 10/12/14 mm; 24/7/365
Bell's palsy, Rinne test, Weber test, Babinski sign, Murphy's sign, Glasgow Coma Scale 13-15.
Dear Parent, dear all, Hi all, Hello everyone, Hello Team, Hi folks, Dear Patient,
Hi, I have Graves disease. Hello, my son has Down syndrome. Hi, Metformin is safe.
The patient is Caucasian. The nurse was kind. My doctor said no. Your doctor may suggest Lipitor.
Doctor Who. A doctor named the condition Crohn disease. The disease named Wilson disease.
Seen by Neurology and Orthopedic Surgery. Followed by Metformin 500 mg. Treated by Radiation.
Discussed with Family. Discussed with Patient. Under the care of Hospice.
Hgb 10.2/31.4, Na 138/4.1/102/24, pH 7.40/40/90, INR 2-3, FEV1 2.1 L (60%)
Drink 1/2 cup on 3/4 of days. 1/3 of the 24 patients. GCS 15/15. Reflexes 2/4. Grade 3/6 murmur.
C5-6, T12-L1, S1. 2 x 3 x 4 cm. 10-12-14 Fr. 20/20 OD. 6/6 vision. 1-2-3 rule.
ICD-9 250.00, E11.65, CPT 99213-25, LOINC 2345-7, SNOMED 44054006, RxNorm 860975.
N Engl J Med. 2019;380(2):123-134. Lancet 2005; 365: 1000-1010. PMID: 30625055; PMCID: PMC6345678.
ISBN 978-3-16-148410-0. doi: 10.1016/S0140-6736(05)71142-9. NCT02345678. Lot 1234.
Copyright 2019. In 2020-2021. From 1999 to 2005. the 1990s. since 2010. 2019 guidelines
TNF-alpha, IL-6, CYP2D6, HLA-B27, KRAS G12C, p.V600E, c.35delG, rs1801133, NM_000546.5
May cause drowsiness. You may 1 to 2 times a day. It may, in March-like weather. August institution.
90% of 95 patients; 92 kg; age 45-90; 90 minutes; 120 mmHg; 90-day mortality; 95 percent; over 90 years
Take 2 tablets at 8:30 and 20:45:00. 12:30:45 time. ratio 1:2:3
Temperature 98.6, pulse 72, respirations 16, oxygen 98% on 2 L. Weight 192 lbs 6 oz.
5 ft 10 in. BMI 31.2. EF 55-60%. ejection 60-65. 4500-11000. 150,000-400,000. $12,345.67
Type II. Stage IIIB. Factor V Leiden. Protein S. Vitamin D3 2000 IU. B12 1000 mcg. Omega-3.
Mr. Mrs. Dr. Ms. MS and MR. MR angiography. MS lesions. DR. No. Prof. of medicine.
Regards. Thanks. Thank you doctor. Thanks, doctor. Best wishes, take care. Thank you Sir.
Yours sincerely, the team. Love hurts. With love and care.
Hodgkin, Barrett and Crohn described them.
I am Diabetic. I am Pregnant. I'm Vegan. I am On Metformin. I am Very Tired.
His son Has fever. Her sister Also had it. My wife Is pregnant. My Brother Died.
Call your doctor at once. Phone 24 hours. call 911 or 112. Press 1. dial 0
Account for 12345 cases. Group 2 (n=12345). Record high of 12345. License to treat. Plan 2: 1500 kcal.
Room 12. Ward 4B. Bed 3. Unit 5. Chapter 12. Table 3. Figure 4. Step 5. Day 14. Week 26. No. 7 French.
The plate 12345. Serial 12-lead ECG. serial troponins 0.04, 0.05. Device used. Serial CT at 6 and 12 months.
One hundred years of medicine. 100 years ago. a hundred patients. the 90 year history.
Drive safely. Take the 10 minute walk. 12 Angry Men. 3 Mile Run. 2 Point discrimination.
e.g. this, i.e. that, vs. those, etc.in the, a.m. p.m. approx.10 mg. No.5
Hello world. Hey there. Good morning sir. Good evening madam. Welcome to the clinic.
Patient: I am fine. Doctor: Hello. Nurse: Blood pressure. Physician: Yes. Provider: Unknown.
Diagnosis: Alzheimer Disease. Name: Aspirin. Drug name: Warfarin Sodium. Name of test: Complete Blood Count.
Aspirin, Warfarin, Heparin. CT, Mark the site. USA, Virginia. HIV, Grace period.
Contact: Emergency Department. Attending: Internal Medicine. Surgeon: None. Signed: Yes. Referred by: Self.
so it began. okay great. well done. right hand. you will see. thank god. good grace.
Spurling test positive; Hoffmann absent.
Roux limb measured at 75 cm.
Placed a Swan-Ganz and a Cordis.
Started Januvia and Lantus.
Prescribed Yasmin, Xanax and Ambien.
The Smith fracture was reduced.
Trousseau sign absent, Chvostek negative.
A Miller blade was used; Cook catheter exchanged.
Read by Radiology, discussed with Family Medicine.
Patient Education provided. Nurse Practitioner notified.
The Boston criteria; the Duke criteria; Ranson 3.
Norton scale 14, Braden 18, Morse 45.
C. Difficile toxin, E. Coli and H. Pylori negative.
Vitamin D 50,000 units, lisinopril 20/12.5.
Grade 2/6 murmur, 4/5 strength, 20/30 vision, from 5/10 to 2/10.
Mean age 92 (range 90-99) years.
A1c 9.1, LDL 92, HR 92, sats 93 on RA, weight 94.
He weighs 95 and his pulse is 92.
One in five people; two three or four times; one two punch.
Call if temp over 101.
Wilson disease, Addison crisis, Crohn flare.
Lewy bodies and Pick bodies; Reed-Sternberg cells.
The Harris hip score; Oxford knee score; Tegner 6.
My Humira and Enbrel stopped working; I use Tylenol PM.
Zoster vaccine; Salk and Sabin vaccines.
Kerr incision, McDonald cerclage, Shirodkar stitch.
In 2018 to 2019 the unit treated 1234 patients.
Chest X-ray 2 views; CT 64 slice; MRI 3T.
Serial number of attacks: 3. Order sets 5512.
Plates 5 and 6 show the fracture; plate and 12 screws.
Registered nurse. License to operate.
Mayo stand, Bovie cautery, Kelly clamp, Allis clamp.
Christmas disease and Von Willebrand disease.
Case 12345 of the series; record high 1234567 units sold.
Group 12345 mice; plan 2000 kcal.
PMID: 12345678. Account for 100000 deaths.
Hello Doctor, Good Morning Sir, Thank You.
She is 91 kg. It is 92 degrees. He is 6 feet.
Hi, Doctor Sahib. Dear Concerned Parent.
St. Jude valve, Starr-Edwards valve, Carpentier ring.
Bishop score 8, Ballard 38 weeks, Tanner stage 3.
Marfan habitus; Turner mosaic; Klinefelter karyotype.
the 1,234,567 bp region; chr7:140453136
Sentinel node at level II; Virchow node; Sister Mary Joseph nodule.
Ringer's lactate; Hartmann solution; Dakin's; Burow's.
Hypothyroidism says the leaflet is common.
The nurse Practitioner Program. Patient Portal access.
Murphy eye tube, Magill forceps, Yankauer suction.
Gram stain, Giemsa, Ziehl-Neelsen.
B12 1000, D3 2000, K2 100; T3 and T4.
The Denver shunt and LeVeen shunt.
Sydenham chorea; Osler nodes; Janeway lesions.
Ms contractin is a drug. Dr is a title.
Norvasc, Coreg, Lasix and Zyprexa were continued.
He takes Seroquel 25 and Celexa 20.
On 2 of 3 days; 3/4 of patients; 11/12 nodes positive.
Bring 92 of them. 95 is normal for SpO2.
the case number rose 2,213 in 1998 to 3,344
Model 2213 pump; lot 22133; ref 44551.
Tag line; plate 3; car seat 2000.
Jones criteria; Light's criteria; Amsel criteria.
At 94 beats per minute; at 91%; at 98 degrees.
Hunter syndrome, Hurler syndrome, Pompe disease.
Dr. said to rest. Mrs and Mr.
Charcot joint, Baker cyst, Morton neuroma, Heberden node.
Kocher incision, Pfannenstiel incision, Whipple procedure.
May, June or July; March and April.
Austin Flint murmur; Graham Steell murmur.
Spoke with Radiology; discussed with Ortho; per Cardiology.
Lortab, Percocet and Soma; Zosyn and Unasyn.
""".strip().splitlines()


@pytest.mark.parametrize("text", CLINICAL)
def test_clinical_text_holds_no_identifiers(text):
    assert mask(text) == text

"""Words that decide what a name is: common given names and surnames, and words that are never a
name after a title.
"""

import re

GIVEN = frozenset(
    """
    aaron abdul abigail adam adriana agnes ahmed aisha alan albert alejandro alex alexander alexandra alexis ali alice
    alicia alison allison alyssa amanda amber amelia amir amit amy ana andrea andreas andrei andrew angel angela anita
    anjali ann anna anne annette annie anthony antonio april arjun arthur asha ashley audrey barbara beatrice becky ben
    benjamin bernard beth betty beverly bill billy bob bobby bonnie bradley brandon brenda brian brittany bruce bryan
    caleb cameron camila carl carla carlos carmen carol caroline carolyn carrie catherine cathy cecilia charles charlie
    charlotte cheryl chris christian christina christine christopher cindy claire clara claudia colin connie connor
    courtney craig crystal cynthia dan daniel danielle danny darren dave david dawn dean deborah debra deepak denise
    dennis derek diana diane diego dmitri donald donna doris dorothy doug douglas dylan ed eddie edgar edith eduardo
    edward eileen elaine eleanor elena eli elijah elizabeth ella ellen emily emma emmanuel eric erica erik erin esther
    ethan eugene eva evan evelyn fatima felix fernando fiona florence frances francis francisco frank fred frederick
    gabriel gail gary gemma george gerald gina giovanni gladys gloria gordon grace greg gregory hannah harold harry
    hassan heather hector helen henry howard hugh hugo ian ibrahim ines ingrid irene iris isaac isabel isabella ivan
    jack jackie jackson jacob jacqueline jake james jamie jan jane janet janice jason javier jay jean jeff jeffrey
    jennifer jenny jeremy jerry jesse jessica jill jim jimmy joan joanna joe joel johanna john johnny jon jonathan
    jorge jose joseph joshua joyce juan juanita judith judy julia julian julie jun justin karen karim karl kate
    katherine kathleen kathryn kathy katie kayla keith kelly ken kenneth kevin kim kimberly krishna kristen kumar kyle
    lakshmi larry laura lauren lawrence leah lee leila leo leon leonard leslie liam lily linda lisa logan lois lori
    louis louise lucas lucia lucy luis luke lydia lynn madison mahesh manuel marco marcus margaret maria marie marilyn
    mario marion marissa marjorie mark marta martha martin mary mateo matt matthew maureen megan mei melanie melissa
    mia michael michelle miguel mike mildred mohamed mohammad mohammed monica morgan muhammad nadia nancy naomi natalie
    natasha nathan neha neil nicholas nicole nikhil nina noah nora norma norman olga oliver olivia omar oscar pamela
    patricia patrick paul paula pauline pedro peggy peter phil philip phillip phyllis pierre piotr pooja priya rachel
    rafael rahul raj rajesh ralph ramesh ramon randy raymond rebecca rekha ricardo richard rick rita robert roberto
    robin rodney roger roland ron ronald rosa rose rosemary ross roy ruth ryan sabrina sally sam samantha samuel sandra
    sanjay sara sarah scott sean sergei shannon sharon shawn sheila shirley simon sofia sonia sophia sophie stacy
    stanley stefan stella stephanie stephen steve steven stuart sue sunil susan suzanne sylvia tamara tanya tara tariq
    ted teresa terry theodore theresa thomas tiffany tim timothy tina todd tom tommy tony tracy travis tyler valerie
    vanessa vera veronica victor victoria vijay vincent virginia vivian walter wanda wayne wei wendy william willie
    wilma xavier yasmin yolanda yuki yusuf zachary zoe
    """.split()
)

SURNAMES = frozenset(
    """
    adams aguilar alexander allen alvarez anderson andrews armstrong arnold bailey baker banerjee barnes bell bennett
    black boyd brooks brown bryant burns butler campbell carpenter carroll carter castillo castro chan chavez chen chopra
    clark cohen cole coleman collins cook cooper cox crawford cruz cunningham daniels davis diaz dixon doe duncan dunn
    edwards elliott ellis evans ferguson fernandez fisher flores ford foster fox freeman garcia gardner gibson gomez
    gonzales gonzalez gordon graham grant gray green greene griffin gupta gutierrez guzman hall hamilton hansen harris
    harrison hart harvey hawkins hayes henderson henry hernandez herrera hicks hill hoffman holmes howard hudson hughes
    hunt hunter jackson james jenkins jensen jimenez johnson johnston jones jordan kelley kelly kennedy khan kim king
    knight kowalska kowalski kumar lawrence lee lewis li lin liu long lopez marshall martin martinez mason matthews
    mcdonald medina mehta mendoza meyer miller mills mitchell mohan moore morales moreno morgan morris muller murphy
    murray myers nair nelson nguyen nichols novak obrien olson ortiz owens palmer park parker patel patterson payne
    perez perkins perry peters peterson phillips pierce porter powell price ramirez ramos rao ray reddy reed reyes
    reynolds rice richards richardson riley rivera roberts robertson robinson rodriguez rogers romero rose ross ruiz
    russell ryan sanchez sanders sandoval schmidt schneider schultz scott shah sharma shaw simmons simpson singh smith
    snyder soto spencer stephens stevens stewart stone sullivan taylor thomas thompson torres tran tucker turner vargas
    vasquez vega wagner walker wallace wang ward warren washington watkins watson weaver webb weber welch wells west
    wheeler white williams williamson willis wilson wong wood woods wright yang young zhang
    """.split()
)

NOT_NAMES = frozenset(
    """
    a able about actually additionally admission admitted advised after again all allergy also although always am an and
    another any anyone anything apparently appointment are around as ask asked assessment assistant at attending
    available away back bad bay because been before being best better both boy brief brother but buddy by call called came
    can cannot care chat check champ chest chief child children clinic clinical colleague colleagues come complaint complaints concern consult
    consultation consulted continue could crash customer dad daily dated daughter day days dear deceased denied denies
    department diagnosed diagnosis did discharge discharged disease do doc doctor doctors does doing done dr dragon due
    during each editor either emergency enjoy even evening ever every everybody everyone exam examination examined except
    expected facility family father feel feeling female fever few final findings first folks follow followed following
    for forum friend friends from gave general gentleman get getting girl give given go god going gone good got great
    greetings grandma grandpa group guardian guest guy guys had happy has have having he health hello help her here hey
    hi him his history hold home honestly hope hospital house how however hurts husband i idea if ill im ive negative positive rh in indeed
    information interested internal into is issue it its just keep kids kind kindly know lab lady last later let like
    look looks ma maam madam made make male mam man many may maybe me medical medication medicine member mentioned mild
    might miss mom month months more morning most mother mr mrs ms much mum must my name near need never new next nice
    night no none noon normal not note noted nothing now nurse of off office ok okay old on once one only or order
    ordered other our out over page pain parent parents past patient patients people per perhaps physical physician plan
    please pleasure possible practitioner prescribed presents previous previously primary prior problem procedure
    professor pt query question questions quite read really recently recommend recommended record referral referred
    regarding regards registered report request result results return returned review right run said same saw say says
    see seem seemed seems seen self sent service services several she should show signed since sir sirs sister site so
    some somebody someone something son soon sorry speaking specialist specimen spouse staff started states still
    strongly subject such suggest surgeon surgery sure symptoms take takes taking talk team tell test tests thank thanks
    that the their them then there thought therefore these they thing things think this those though three through thus till
    time to today told tomorrow too took treated treatment tried try trying two type uncertain under understand unit
    unknown unless until up upon us use used user usually very via view visit visited wait want wanted wants was way we
    week weeks welcome well went were what when where whether which while who whole whom whose why wife will wish with
    without woman women work worked would yeah year years yes yesterday yet you your yours yourself youre
    abdomen abdominal accessory acute adult ageing allergic anaesthesia anatomy anemia anesthesia anesthesiology angina
    antibiotic artery arthritis asthma autism bipolar blood body bone brain breast bronchial cancer cardiac cardiology
    cardiothoracic cell center centre cerebral cervical chemotherapy chronic colon community council counselor critical
    ct dental dentistry dermatology diabetes diabetic diagnostic dietitian digestive ear echo ecg eczema ekg elective
    endocrinology endoscopy ent er eye fetal foundation gastric gastroenterology genetic genetics gene geriatric
    geriatrics gout gynecology gynaecology head heart hematology hepatic hepatitis hepatology hip hiv hospice hypertension
    icu imaging immunology infection infectious inpatient institute intensive interventional kidney knee laboratory left
    liver lumbar lung management maternal medicaid medicare mental mri multiple muscle nasal national nature neck neonatal
    nephrology nerve neurology neurosurgery newborn nose nuclear nursing nutrition obstetrics occupational oncology
    operating ophthalmology optometry oral orthopaedic orthopaedics orthopedic orthopedics otolaryngology outpatient
    palliative pathology pediatric pediatrics paediatric paediatrics pelvic pharmacist pharmacy physiotherapy plastic
    podiatry preventive psychiatric psychiatry psychology public pulmonary pulmonology radiation radiology
    rehabilitation renal respiratory rheumatology risk screening sinus skin sleep social society speech spinal spine
    sports stomach stroke surgical syndrome therapist therapy thoracic throat thyroid transplant trauma tumor ultrasound
    university urgent urologic urology vascular virus vitamin ward worker wound xray
    died dies die lives lived smokes drinks drank walks eats eaten sleeps wakes woke cries vomits vomited sees heard hears told tells
    says wrote writes drove drives flew moved moves brought bring brings helps helped helping asks asking gives gets goes
    underwent undergoing undergo receives received receiving suffers suffered suffering complains complained reports reported
    recovering recovered treating treatments treats diagnose managing manages managed hurting bleeding breathing coughing
    education teaching training learning support supporting research researchers science sciences scientist scientists study
    studies survey journal article book books chapter section table figure appendix volume edition press author authors
    acid acids agent agents antigen antibodies antibody bacteria bacterial biopsy calcium cells clinicals cream culture
    device devices diet dose doses drug drugs enzyme exercise factor factors gland glands graft growth hormone hormones
    implant implants injection injury insulin iron mass membrane muscles organ organs pathway phase placebo protein proteins
    pump receptor receptors sample samples scan serum solution stage surgeries syndromes tablet tablets tissue tissues toxin
    tube tubes tumors tumour tumours ulcer ulcers urine vaccine valve vein veins viral viruses vitamins vessel vessels
    albicans aureus coli difficile diff pylori pneumoniae influenzae tuberculosis avium faecalis fragilis burgdorferi
    foods food fruit fruits vegetables vegetable milk water meat fish oil oils sugar salt
    second third fourth fifth sixth seventh eighth ninth tenth three four five six seven eight nine ten
    additional alternative associated available average based basic benefits causes caused cause common complete complications
    control cost daily data days details effect effects effective essential etc example examples form forms full function genetic
    global guide guideline guidelines healthy high higher important increased key large less level levels list long low lower main
    major managing mean means measures method methods minor models multiple names natural non number numbers online
    options outcome outcomes overview part parts personal plus points policy popular potential prevention private process
    product products program programs quality rare rate rates reasons related relevant resources response results risks role
    rules safe safety severe short significant signs similar simple single size small source sources special specific standard
    standards status step steps strategies structure summary system systems term terms testing topics total traditional
    types understanding useful using value values various warning ways world yes
    mail email write contact send
    provider grandmother grandfather grandma grandpa niece nephew cousin aunt uncle cool warm hot cold warmth
    sahib concerned worried anxious security police ems fire paramedics parents kids insurance reception management registered
    license licence certified nothing everything
    african american americans arab asian australian black brazilian british canadian caucasian catholic chinese
    christian dutch english european french german greek hindu hispanic indian irish italian japanese jewish korean
    latina latino mexican muslim pakistani polish russian scottish spanish swedish turkish ukrainian vietnamese white
    monday tuesday wednesday thursday friday saturday sunday january february march april june july august september
    october november december street avenue road drive north south east west america africa asia australia canada china
    england europe france germany india italy japan mexico pakistan russia spain uk us usa
    """.split()
)

# Words that hold the place of a removed name: finding them would count what is already anonymous.
PLACEHOLDERS = frozenset(
    "x xx xxx xxxx xyz abc abcd abcde xxxxx xxxxxx blank sample y z yyyy".split()
)

# After these words a name in front belongs to a disease, a sign or a device, not to a person.
EPONYM_TAIL = (
    r"(?:['’]s|s['’]|['’])?[ -](?:disease|syndrome|sign|test|law|operation|procedure|phenomenon|palsy|lymphoma|contracture|tumou?r|"
    r"criteria|score|scale|position|manoeuvre|maneuver|catheter|tube|drain|fracture|node|cell|stain|method|esophagus|chorea|dementia|"
    r"sarcoma|thyroiditis|ulcer|cyst|duct|retractor|forceps|clamp|anomaly|ophthalmopathy|reflex|index|classification|technique|"
    r"disorder|foundation|institute|hospital|clinic|nodules?|bod(?:y|ies)|rings?|rods?|cells|crystals|spirals|prep|haplotype|valve|stitch|"
    r"cerclage|incision|flap|graft|knife|blade|bar|plates?|screws?|nails?|pins?|wires?|splint|brace|boot|collar|cast|traction|approach|view|lines?|"
    r"angle|triangle|space|pouch|loop|limb|canal|foramen|ligament|fascia|muscle|membrane|crisis|flare|habitus|mosaic|karyotype|stage|staging|type|"
    r"grade|equation|formula|rule|triad|tetrad|pentad|questionnaire|inventory|protocol|regimen|block|agar|medium|solution|lactate|wort|positive|"
    r"negative|absent|dilators?|scissors|table|sequence|speculum|needles?|sutures?|elevator|curette|rongeur|components?|shaped|trichrome|myasthenic|strains?|agent|virus|vaccines?|stand|cautery|hip|knee|shoulder)\b"
)

# What makes the name before it that of an institution, a thing or an author.
NO_PERSON = re.compile(
    rf"{EPONYM_TAIL}|,? et al\b|(?:['’]s)? (?:(?:Children['’]?s|Memorial|General|Regional|National|State|Medical|Community|"
    r"Cancer|Heart|Veterans|Research|Eye) ){0,3}(?:Hospital|Universit(?:y|ies)|Institutes?|Cent(?:er|re)|Clinic|Foundation|College|"
    r"School|Society|Association|Street|Avenue|Road|Drive|Lane|County|City|Company|Inc|Laborator(?:y|ies)|Press|Publish\w+|Prize|"
    r"Award|Disease|Syndrome|Test|Sign|Score|Scale|Index|Criteria|Classification|Method|Catheter|Tube|Drain|Diet|Act|Fund|Library|"
    r"Ward|Wing|Unit|Building|Park|River|Lake|Island|Virus|Study|Trial|Model|Principle|Report|Commission)\b"
)

PARTICLES = frozenset(
    "van von de der den del la da dos di du y bin ibn al el le ter ten zu af".split()
)

# Usual names that are also usual words: such a one is found in context, but not again where it
# stands alone.
AMBIGUOUS = frozenset(
    """
    amber crystal vera veronica stella carmen
    april art august bell bill black brown chase cook dawn drew faith ford frank gene grace grant gray green guy hall heather
    hill hope hunt hunter iris ivy jack jay joy june ken king lee long mark may miles mills olive page park parks pat penny
    price ray reed rice rich rob robin rose ross ruby sky stone sue summer tom victor violet ward wells west white will wood
    woods young
    """.split()
)

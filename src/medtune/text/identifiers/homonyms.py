"""Names that are also something else: usual words, places, eponyms of medicine, brands.

Alone they are no name.

``COMMON`` holds the names of the lexicon that public text (encyclopaedic and medical, no patient's)
also writes in small letters; the other sets were put together by hand.
"""

from medtune.text.identifiers.spans import words

COMMON = words(
    """
    ab abate ace add admiral age ala alba albino ale alexia ally alpha alta amine among ani arch arenas art arts
    ascension asp atlas aura author autumn baby bail ball ban banks bar barber bare barr basic basil bath bea bean
    beard beat bee beer begin bell bent berry bill binder bins bird bishop bite bitten blanch blessing block blot
    bona bond bones boon bore boss bourgeois bowers brady branch brands brick bridge bridges bright brink brown buck
    bud bull burger burr bury bush buster butcher cadence camps canal canals candida candy canning cannon cant cap
    captain car cares carina carmine carrier carry carton case cases cash chambers chance char charity chase
    chastity cherry chi chia chin chip church cinnamon cis cisterna clay clear cleave cliff cline clinton close
    cocci colic colonel columbia combs comfort comment commodore company con concha constant contractor convey cook
    cools coral cord cornell corona corral cousin cousins crane crista cross cruise curry dada dale dam dare dash
    date dawn deep delta destiny diamond dimple diver divine dock doll dom don doppler dot dove downs drew dries
    drum du dung early earnest ebb ebony edit edu elder elif else emerald emit endo era essence ester ether ethyl
    eve evert fair faith fall fan fancy fares farmer fate fed fee feline ferry field fields finch flavin fleet flint
    flood floor flora flowers fo font foot forbes forest forget frank freely fresh frost fuller gage gamble gang gao
    garner garrison gates gauge gay genesis gentry gibbons ginger glass glasses goblet golden golgi governor grace
    grand grant graves gray green greet grey grit gross grove guarana guard gun gurney gut hall ham hammer hand
    handy harden hardy hare harm harmony harsh hasty haven hay hearty heath heaven held hell hemi hence henna herb
    herd hill hills ho hoes hogan holder honing hood hook horn hung hunt hunter hus hymen ibn ilo imam indiana
    infant innocent ion iris ivory ivy jade jail jama jax jep jet job joke journey joy judge junior junk jure
    justice kale karma kelvin key kick killer king kit kitty ko kris lace lacy lamb lamine lance lane lang las lata
    law lawless lawyer leach leafy lean lemon len less levy liberty lice lie lies lincoln line link lips lira list
    little llamas loan lone long loot lord lot love low lower loyal lucid lucky mad magic magnus major mal mall
    mallet mandala mansa mare marine mark marks marry marshal martial marvel masse master mate mater math mats max
    maxima maximus mayor media menton mentor merchant mercy merlin mile miles millet mills min miner minor misty mo
    mol moles monk monks moon moons mountain mu nadir nail nam nana neo newton nick nil nile noble nyhan oak odd
    olive orange osha ova owe pace pages palm pan pap par park parkin parkinson parks pastor patience paw peace
    pearly peer pellet pepper petri petty pi pia pili pilon ping pink plana plank plaza pleas pleasant pol pole
    polis poll polo pons pop pope poppy porta post power powers precious press price priest primus prince prosper
    provost puck purity put queen raid rails rand ransom ray reader real reason red reed renders repo rice rich
    richer ridge rim ring river rivers roche rock rocky rod roll room rose rosette rosy royal rush rust rusty sa sad
    saint salami sales salmon sandy sang sans sas savage savanna savannah scarlet scot sec sellers senna sep serine
    server seven sever shade sharp shepherd shields shine short side silk silver sincere sine sing singer singleton
    skip sky small smart snow sol solar sole song sparks spears spies spring springer stack stanford star stark stas
    steer stern steward stock stone storm stormy story strand strong sue summer summers sun sung sunshine supple
    swift swords tab tack tai tailor tan tank tanner taro tea theres theta ties tins tiny tone topic tor tore
    torrent toy trace treasure true ture unique unnamed urban vasa veli velvet vena versa vial victor victory villa
    violet wage wall walls ware warmer warrior wash waters watts wells whitehouse widen wild wiley willow wills
    windy wing winter winters wise wolf wood woods worth yaw ye yen yin yoga young yuan zona
    """
)

PLACES = words(
    """
    aberdeen africa alabama alaska albany alberta alexandria america angeles antigua arabia argentina arizona
    arkansas asia athens atlanta austin australia austria bangkok barcelona basel bedford belfast belgium berlin
    bern birmingham bolivia boston brazil bristol brooklyn brunswick buffalo burlington cairo calgary california
    cambridge canada canberra carolina charleston chester chicago chile china cincinnati cleveland colombia colorado
    columbus congo connecticut copenhagen cordova cork crete cuba dakota dallas danish delaware delhi denmark denver
    derby detroit devon dover dublin durham edinburgh egypt england essex europe fargo finland florence florida
    france francisco fresno galway geneva georgia germany ghana glasgow greece greenland guadalupe guinea guyana
    haiti hampshire hartford havana hawaii helsinki holland houston idaho illinois india indonesia iowa iran
    iraq ireland israel israeli istanbul italy jamaica japan jersey jerusalem juarez kansas kent kentucky kenya
    korea lagos lancaster lebanon leeds lima lisbon liverpool london louisiana lyon madison madrid maine malaysia
    malta manchester manhattan maryland massachusetts medina memphis mexico miami michigan milan milwaukee
    minneapolis minnesota mississippi missouri montana monterey montreal moscow munich nairobi naples nebraska nepal
    nevada niger nigeria nile norfolk norway odessa ohio oklahoma ontario oregon orlando oslo ottawa oxford pakistan
    panama paraguay paris pennsylvania peru philadelphia philippines phoenix pittsburgh poland portland portugal
    prague quebec queens raleigh reno rica richmond rico rochester rome russia sacramento salem salvador
    samoa santa santiago santo scotland seattle shanghai sheffield siena sierra singapore somalia spain stockholm
    stuttgart sudan surrey sweden sydney syracuse syria taiwan tampa tennessee texas thailand tokyo toledo toronto
    trenton trinidad troy tucson tulsa turin turkey tuscany ukraine uruguay utah valencia vancouver venezuela venice
    vermont verona vienna vietnam virginia wales warsaw warwick washington wellington winchester windsor
    wisconsin worcester wyoming york yorkshire zurich
    """
)

# Who gave a disease, a sign, a test or an instrument its name.
EPONYMS = words(
    """
    addison adson albright allegra allen allis alport alzheimer angelman apgar arnold asherman asperger auer
    avellis babinski baker bankart barlow barr barrett barrow bartholin bascom braxton caspar duane frazier glenn lorenz nevus ota oto ullrich von bartlett bartter basedow battle beck becker
    beckwith behcet bell bence benedict bennett bernard billroth blackfan blake bledsoe bloom boerhaave borden
    bouchard bovie bowen bowman braden bradley breslow bright broca brody brown brudzinski buerger burkitt burton
    byrne cabot candida carey carney caroli celestone chagas charcot chiari child chlamydia chopart christ clarke
    cobb cockayne cole colles combe conn cooley coombs cooper cori cornelia costello courvoisier cowden cox
    coxsackie creutzfeldt crigler crohn cronkhite crouzon cullen curling cushing dandy darier darwin dawson
    denys dercum devic diamond dix dobhoff dohle donovan dowager down draize dressler dubin duchenne duffy duke
    dukes dupuytren durand ebola ebstein edwards ehlers eisenmenger ellis ellsworth enders epley epstein epworth erb
    erichsen ewing faber fabry fallot fanconi farber felty finkelstein fisher fitz flexner foley foster fowler fox
    fraley framingham freeman frey friedreich froment gaucher gilbert gilles gleason golgi goodpasture gordon gorlin
    gottron gower graefe gram graves guillain gunn guthrie guyon hallpike hamilton harris harrison hartmann hartnup
    hashimoto hawkins heberden hicks heerfordt heimlich heinz heller henle henoch hickman hirschsprung hodgkin hoffman
    hoffmann homan homans horner hortega howell hunt hunter huntington hurler hutchinson imerslund isaac ishihara
    jackson jacob jacobson jamestown janeway jansky jefferson jenner jobs johnson jones joubert kallmann
    kaposi karnofsky kartagener kasai kawasaki kayser kegel kehr kelly kennedy kent kernig kiel killip kimmelstiel
    kleine klinefelter klumpke knapp koch kocher koplik korsakoff krabbe kreb krebs krukenberg kugelberg kussmaul
    lachman lamaze lambert landau langer langerhans laron leber legg leigh leishman lennox lesch
    lewy leydig liddle lisch lisfranc little loeys lowe lucas ludwig luschka lyme lynch maddrey maisonneuve
    mallory mantoux marburg marcus marfan marie marshall martin mauriac mayer mayo mcardle mcburney mccune mckusick
    mcmurray mcroberts meckel meige meigs meniere menkes merkel meyer michaelis milroy mirizzi moebius monteggia
    montgomery morgagni moro morquio morse morton muir mulder munchausen murphy nelson niemann nissen nissl noonan
    norton norwalk ober ogden ogilvie ollier ortner osgood osler owen paget pancoast paneth papanicolaou pasteur
    patau patrick pearson pendred perthes peutz peyer peyronie pfeiffer phalen philadelphia pick pierre plummer
    pompe pott potter prader pratt prinzmetal purkinje queckenstedt quincke ramsay ranson rasmussen raynaud
    recklinghausen reed refsum reidel reis reiter rett reye reynolds richter riley ringer rinne robertson robin
    robinson romano romberg rorschach roth roux rovsing russell sabin sachs salter sami sandhoff sanger saul
    schatzki scheuermann schilling schirmer schlatter schwann schwartz senn sertoli shigella shy simmonds simpson
    sims sjogren smith snellen speed spitz spurling starling steele stein steinert stevens stickler stokes strachan
    sturge swan sydenham takayasu tanner tay thomas thompson tietze tinel titin todd torrance tourette treacher
    treacle treitz trendelenburg treponema trousseau turcot turner usher valsalva vater vincent virchow vit volkmann
    waardenburg wagner waldenstrom wallenberg ward waterhouse watson weaver weber wechsler wegener weil weiss wells
    werdnig werner wernicke west whipple white widal wiedemann willebrand williams willis wilms wilson wiskott wolf
    wolff wolfram wolman wood woods wright yergason young zellweger zenker zollinger
    """
)

# Of drugs, devices, firms and firmaments.
BRANDS = words(
    """
    ace advair aleve alexa alexia allah allegra ambien android apollo aria astra avandia aviane barbie benadryl
    boniva botox buddha celesta christ christian cialis cinderella claritin concerta corolla crestor depo diovan
    dumpty easter easton elavil eliza elvira ernie estrace evista flonase gallup genie german goliath google
    hercules icarus jasmin jesus jolivette jublia jupiter kaiser kaletra kariva latisse levora lexapro lily lipitor
    loestrin lunesta mars maverick mercedes mercury mirena mohammedan nazi neptune nissan norco
    nova nuvigil ocella oedipus ortho oxford pam paxil pluto portia premarin prozac ramadan rex ritalin roman sabril
    salih santo saturn scotty signe siri sonata stelara suboxone sunday tamiflu tesla titan tobi tori
    uranus valium venus viagra victoza viking viva vivelle xanax xena xmas yasmin yaz zantac zara zeus zocor zoloft
    """
)

"""Coded fields of clinical files for a message: a value that its standard knows is shown, any other
is none that a message may hold.
"""

import codecs
import re

OTHER = "of an unusual type"
_MEDIA_TYPES = frozenset(
    """
    application/dicom application/fhir+json application/fhir+xml application/gzip
    application/hl7-v3+xml application/json application/msword application/octet-stream
    application/pdf application/rtf application/xml application/zip audio/mpeg audio/wav image/bmp
    image/gif image/jpeg image/png image/svg+xml image/tiff text/calendar text/csv text/html
    text/markdown text/plain text/rtf text/xml video/mp4 video/mpeg
    application/vnd.openxmlformats-officedocument.wordprocessingml.document
    """.split()
)
# HL7 table 0125, data types, and what its standard adds.
_HL7_TYPES = frozenset(
    """
    AD AUI CCD CCP CD CE CF CK CM CN CNE CNN CP CQ CSU CWE CX DDI DIN DLD DLN DLT DR DT DTM DTN ED
    EI EIP ELD FC FN FT GTS HD ICD ID IS JCC LA1 LA2 MA MF MO MOC MOP MSG NA NDL NM NR OCD OSD OSP
    PIP PL PLN PN PPN PRL PT PTA QIP QSC RCD RFR RI RMC RP RPT SAD SCV SI SN SNM SPD SPS SRT ST TM
    TN TS TX UVC VH VID VR WVI WVS XAD XCN XON XPN XTN
    """.split()
)
# HL7 tables 0191 and 0291, types and subtypes of encapsulated data.
_HL7_DATA = frozenset(
    """
    ap application audio au ft im image model multipart ns sd si text tx video basic dicom fax gif
    html jot jpeg octet-stream pdf pict png postscript rtf sgml tiff word xml x-hl7-cda-level-one
    zip
    """.split()
)
# Resources of FHIR R4 and R5.
_RESOURCES = frozenset(
    """
    Account ActivityDefinition ActorDefinition AdministrableProductDefinition AdverseEvent
    AllergyIntolerance Appointment AppointmentResponse ArtifactAssessment AuditEvent Basic
    Binary BiologicallyDerivedProduct BodyStructure Bundle CapabilityStatement CarePlan CareTeam
    ChargeItem ChargeItemDefinition Citation Claim ClaimResponse ClinicalImpression
    ClinicalUseDefinition CodeSystem Communication CommunicationRequest CompartmentDefinition
    Composition ConceptMap Condition ConditionDefinition Consent Contract Coverage
    CoverageEligibilityRequest CoverageEligibilityResponse DetectedIssue Device
    DeviceAssociation DeviceDefinition DeviceDispense DeviceMetric DeviceRequest DeviceUsage
    DeviceUseStatement DiagnosticReport DocumentManifest DocumentReference Encounter
    EncounterHistory Endpoint EnrollmentRequest EnrollmentResponse EpisodeOfCare EventDefinition
    Evidence EvidenceReport EvidenceVariable ExampleScenario ExplanationOfBenefit
    FamilyMemberHistory Flag FormularyItem GenomicStudy Goal GraphDefinition Group
    GuidanceResponse HealthcareService ImagingSelection ImagingStudy Immunization
    ImmunizationEvaluation ImmunizationRecommendation ImplementationGuide Ingredient
    InsurancePlan InventoryItem InventoryReport Invoice Library Linkage List Location
    ManufacturedItemDefinition Measure MeasureReport Media Medication MedicationAdministration
    MedicationDispense MedicationKnowledge MedicationRequest MedicationStatement
    MedicinalProductDefinition MessageDefinition MessageHeader MolecularSequence NamingSystem
    NutritionIntake NutritionOrder NutritionProduct Observation ObservationDefinition
    OperationDefinition OperationOutcome Organization OrganizationAffiliation
    PackagedProductDefinition Parameters Patient PaymentNotice PaymentReconciliation Permission
    Person PlanDefinition Practitioner PractitionerRole Procedure Provenance Questionnaire
    QuestionnaireResponse RegulatedAuthorization RelatedPerson RequestGroup RequestOrchestration
    Requirements ResearchDefinition ResearchElementDefinition ResearchStudy ResearchSubject
    RiskAssessment Schedule SearchParameter ServiceRequest Slot Specimen SpecimenDefinition
    StructureDefinition StructureMap Subscription SubscriptionStatus SubscriptionTopic Substance
    SubstanceDefinition SupplyDelivery SupplyRequest Task TerminologyCapabilities TestPlan
    TestReport TestScript Transport ValueSet VerificationResult VisionPrescription
    """.split()
)


def media_type(value: str) -> str:
    """A media type such as ``application/pdf``; that it is an unusual one where it is not known."""
    return value if value in _MEDIA_TYPES else OTHER


def hl7_type(value: str) -> str:
    """A data type of HL7 v2, such as NM."""
    return value if value in _HL7_TYPES else OTHER


def hl7_data(kind: str, subtype: str) -> str:
    """Type and subtype of encapsulated data of HL7 v2."""
    known = [part for part in (kind, subtype) if part.lower() in _HL7_DATA]
    return " ".join(known) or OTHER


def resource_type(value: object) -> str:
    """The type of a FHIR resource."""
    return str(value) if value in _RESOURCES else OTHER


def charset(value: str) -> str:
    """The name of a character set that Python knows."""
    try:
        return codecs.lookup(value).name
    except (LookupError, ValueError):
        return "a name that is not known"


def language(value: str) -> str:
    """A language by three capitals, as UMLS writes it."""
    return value if re.fullmatch("[A-Z]{3}", value) else "not known"

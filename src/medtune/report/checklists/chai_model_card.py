"""The applied model card of the Coalition for Health AI, version 0.2: its elements in the order
of its schema.
"""

from medtune.report.checklists import data_items, model_items, result_items
from medtune.report.checklists.base import Checklist, Facts, Fill, Filled, Item, unmeasured
from medtune.report.checklists.bibliography import bibliography
from medtune.report.sections import METHODS

NO_GROUPS = "Scores by groups of patients were not measured: the data name none."


def _release(facts: Facts) -> str:
    return str(facts.figures.state.get("end", "not finished"))[:10]


def _use(facts: Facts) -> str:
    return (
        'For research: `medtune ask RUN "…"`, `medtune chat RUN`. Not for decisions about patients.'
    )


def _version(facts: Facts) -> str:
    made = facts.figures.state.get("result", {}).get("weights_sha256")
    return f"medtune {facts.figures.state['versions']['medtune']}; weights {made or 'not made yet'}"


def _stage(_: Facts) -> str:
    return model_items.STAGE


def _kind(facts: Facts) -> str:
    return f"Generative language model, {METHODS.get(facts.recipe['train']['method'], '')}."


def _security(_: Facts) -> str:
    return "Only safetensors and JSON are read and written, no code of a model is run; nothing is sent anywhere unless the recipe names a remote model."


def _fairness(_: Facts) -> Filled:
    return unmeasured(NO_GROUPS)


def _unsafe(facts: Facts) -> Filled | str:
    found = result_items.safe(facts)
    return result_items.usual_harm(facts) if found.results else found


def _not_tested(facts: Facts) -> str:
    return "Not tested: " + "; ".join(facts.figures.not_measured()) + "."


def _safety_data(facts: Facts) -> Filled | str:
    return (
        "Prompts that come with medtune, judged by rules."
        if facts.figures.of_kind("safety")
        else result_items.safe(facts)
    )


def _metric(
    name: str, title: str, goal: str, fills: tuple[Fill, Fill, Fill, Fill, Fill]
) -> tuple[Item, ...]:
    """The six elements of one key metric."""
    titles = ("results", "interpretation", "test type", "test data", "what was not tested")
    keys = (
        "Results",
        "Interpretation",
        "TestType",
        "TestingDataDescription",
        "ValidationProcessAndJustification",
    )
    rest = [
        Item(f"KeyMetrics.{name}.{key}", f"{title}: {said}", "A", fill)
        for key, said, fill in zip(keys, titles, fills, strict=True)
    ]
    return (Item(f"KeyMetrics.{name}.MetricGoal", f"{title}: goal", "A", lambda _: goal), *rest)


USEFUL = (
    result_items.useful,
    result_items.interpretation,
    result_items.test_type,
    result_items.counts,
    _not_tested,
)
FAIR = (_fairness,) * 5
SAFE = (result_items.safe, _unsafe, result_items.safety_test, _safety_data, _not_tested)

MODEL_CARD = Checklist(
    "Applied model card (CHAI 0.2)",
    "Coalition for Health AI, https://mc.chai.org/v0.2/schema.xsd",
    (
        Item("BasicInfo.ModelName", "Model", "A", lambda facts: str(facts.recipe["name"])),
        Item("BasicInfo.ModelDeveloper", "Developer", "P", topics=("developer",)),
        Item("BasicInfo.DeveloperContact", "Contact", "P", topics=("contact",)),
        Item("ReleaseInfo.ReleaseStage", "Stage", "A", _stage),
        Item("ReleaseInfo.ReleaseDate", "Date", "A", _release),
        Item("ReleaseInfo.ReleaseVersion", "Version", "A", _version),
        Item("ReleaseInfo.GlobalAvailability", "Where it is available", "P", topics=("availability",)),
        Item("ReleaseInfo.RegulatoryApproval", "Regulatory approval", "P", topics=("approval",)),
        Item("ModelSummary.Summary", "Summary", "H", model_items.summary),
        Item("ModelSummary.Keywords", "Keywords", "A", lambda facts: f"medical, language model, fine-tuning, {data_items.names(facts)}"),
        Item("UsesAndDirections.IntendedUseAndWorkflow", "Intended use and workflow", "P", topics=("intended_use",)),
        Item("UsesAndDirections.PrimaryIntendedUsers", "Intended users", "P", topics=("expertise",)),
        Item("UsesAndDirections.HowToUse", "How to use", "H", _use),
        Item("UsesAndDirections.TargetedPatientPopulation", "Patients", "P", topics=("population",)),
        Item("UsesAndDirections.CautionedOutOfScopeSettings", "Out of scope", "P", topics=("out_of_scope",)),
        Item("Warnings.KnownRisksAndLimitations", "Risks and limitations", "A", result_items.failures),
        Item("Warnings.KnownBiasesOrEthicalConsiderations", "Biases and ethics", "P", topics=("bias", "ethics")),
        Item("Warnings.ClinicalRiskLevel", "Clinical risk level", "P", topics=("risk",)),
        Item("AISystemFacts.OutcomesAndOutputs", "Outputs", "A", model_items.outputs),
        Item("AISystemFacts.ModelType", "Type of model", "A", _kind),
        Item("AISystemFacts.FoundationModels", "Foundation model", "A", model_items.identity),
        Item("AISystemFacts.InputDataSource", "Source of the input", "H", data_items.sources),
        Item("AISystemFacts.OutputAndInputDataTypes", "Types of input and output", "A", lambda _: "Text in, text out."),
        Item("AISystemFacts.DevelopmentDataCharacterization", "Development data", "A", data_items.distribution),
        Item("AISystemFacts.BiasMitigationApproaches", "What was done about bias", "H", topics=("bias",)),
        Item("AISystemFacts.OngoingMaintenance", "Maintenance", "P", topics=("maintenance",)),
        Item("AISystemFacts.Security", "Security", "A", _security),
        Item("AISystemFacts.Transparency", "Transparency", "A", model_items.code),
        Item("TransparencyInformation.FundingSource", "Funding", "P", topics=("funding",)),
        Item("TransparencyInformation.ThirdPartyInformation", "Third parties", "H", model_items.availability),
        Item("TransparencyInformation.StakeholdersConsulted", "Stakeholders", "P", topics=("public_involvement",)),
        *_metric("UsefulnessUsabilityEfficacy", "Usefulness", "Better answers to held-out items than the untouched model's.", USEFUL),
        *_metric("FairnessEquity", "Fairness", "Equal scores for groups of patients.", FAIR),
        *_metric("SafetyReliability", "Safety", "No more harm than the untouched model does.", SAFE),
        Item("Resources.EvaluationReferences", "Evaluations elsewhere", "P", topics=("resources",)),
        Item("Resources.ClinicalTrial", "Clinical trial", "P", topics=("registration",)),
        Item("Resources.PeerReviewedPublications", "Publications", "P", topics=("resources",)),
        Item("Resources.PatientConsentOrDisclosure", "Consent of patients", "P", topics=("ethics",)),
        Item("Bibliography", "Bibliography (BibTeX)", "A", bibliography),
    ),
)  # fmt: skip

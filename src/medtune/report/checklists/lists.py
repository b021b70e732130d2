"""The checklists: TRIPOD-LLM (Gallifant et al. 2025, Nature Medicine 31:60–69), in our own short
words; MI-CLEAR-LLM (Park et al.), eight domains of accuracy reports; and the applied model card of
the Coalition for Health AI, version 0.2, its elements in the order of its schema.
"""

from medtune.report.checklists import data_items, model_items, result_items
from medtune.report.checklists.base import Checklist, Facts, Fill, Filled, Item, unmeasured
from medtune.report.sections import METHODS


def _poor_input(_: Facts) -> Filled:
    return unmeasured("Empty, perturbed, over-long and out-of-scope questions were not tried.")


TRIPOD = Checklist(
    "TRIPOD-LLM",
    "Gallifant et al. 2025, doi:10.1038/s41591-024-03425-5",
    (
        Item("1", "Title", "H", result_items.title),
        Item("2", "Abstract", "H", result_items.abstract),
        Item("3a", "Health-care context and rationale", "P", topics=("purpose",)),
        Item(
            "3b", "Target population and intended use", "P", topics=("population", "intended_use")
        ),
        Item("4", "Objectives", "A", result_items.objectives),
        Item("5a", "Sources of data, by role", "H", data_items.sources),
        Item("5b", "Distribution of the data", "A", data_items.distribution),
        Item("5c", "Oldest and newest text", "H", topics=("text_dates",)),
        Item("5d", "Preprocessing and quality checks", "A", data_items.cleaning),
        Item("5e", "Missing and imbalanced data", "A", data_items.missing),
        Item("6a", "Name, version, date of training", "A", model_items.identity),
        Item("6b", "Development", "A", model_items.development),
        Item("6c", "Prompts and inference settings", "A", model_items.prompts),
        Item("6d", "Raw and processed output", "A", model_items.outputs),
        Item("6e", "Classification, probabilities, thresholds", "A", model_items.decisions),
        Item("7a", "Metrics of the output's quality", "A", result_items.metrics),
        Item(
            "7b", "Relevance of the outcome, relation to human evaluation", "H", topics=("outcome",)
        ),
        Item("7c", "Outcome, calculation, date of inference", "A", result_items.outcome),
        Item("7d", "Assessors and their agreement", "A", result_items.raters),
        Item("7e", "Comparison with models, people, benchmarks", "A", result_items.comparators),
        Item("8a", "How text was labelled", "H", data_items.annotation, ("annotation",)),
        Item("8b", "Annotators and their agreement", "H", data_items.annotation, ("annotation",)),
        Item("8c", "Background of the annotators", "H", data_items.annotation, ("annotation",)),
        Item("9a", "Design and choice of prompts", "H", result_items.prompt_design),
        Item("9b", "Data used to develop prompts", "A", result_items.prompt_data),
        Item("10", "Shortening of texts", "A", data_items.shortening),
        Item("11", "Instruction tuning", "A", model_items.tuning),
        Item("12", "Compute", "A", model_items.compute),
        Item("13", "Ethical approval", "P", topics=("ethics",)),
        Item("14a", "Funding", "P", topics=("funding",)),
        Item("14b", "Conflicts of interest", "P", topics=("conflicts",)),
        Item("14c", "Protocol", "P", topics=("protocol",)),
        Item("14d", "Registration", "P", topics=("registration",)),
        Item("14e", "Availability of data", "A", model_items.availability),
        Item("14f", "Availability of code", "A", model_items.code),
        Item("15", "Public involvement", "P", topics=("public_involvement",)),
        Item("16a", "Flow of the data", "A", data_items.flow),
        Item("16b", "Characteristics by split", "A", data_items.distribution),
        Item("16c", "Development against evaluation data", "A", data_items.shift),
        Item("16d", "Items in each analysis", "A", result_items.counts),
        Item("17", "Performance", "A", result_items.performance),
        Item("18", "Updating", "A", result_items.updating),
        Item("19a", "Interpretation", "H", result_items.interpretation),
        Item("19b", "Limitations", "H", result_items.limits),
        Item("19c", "Challenges of the data", "H", data_items.data_problems),
        Item(
            "19d",
            "Intended use of the implementation",
            "P",
            topics=("intended_use", "out_of_scope"),
        ),
        Item("19e", "Poor or missing input", "H", _poor_input, ("robustness",)),
        Item("19f", "Interaction and expertise of users", "P", topics=("expertise",)),
        Item("19g", "Next steps", "P", topics=("next_steps",)),
    ),
)


def _input(facts: Facts) -> str:
    return f"Text: one conversation an item, as in data/test.parquet. {model_items.tuning(facts)}"


def _tries(facts: Facts) -> Filled | str:
    prompt = model_items.prompts(facts)
    if isinstance(prompt, Filled):
        return prompt
    design, tries = result_items.prompt_design(facts), result_items.tries(facts)
    return f"{prompt} {design} {tries} {model_items.outputs(facts)}"


def _independent(_: Facts) -> str:
    return (
        "Each item is a conversation of its own: nothing of one item is in the context of another. "
        "Items that share a text or subject form groups, and intervals draw groups."
    )


def _overlap(facts: Facts) -> str:
    public = "; ".join(
        f"{s.name}: {s.published or 'not known to be public'}" for s in facts.figures.audit.sources
    )
    return (
        f"{data_items.overlap(facts)} Where the test rows come from ({public}): a public test set "
        "may have been read by the base model."
    )


CLEAR = Checklist(
    "MI-CLEAR-LLM",
    "Park et al. 2024, doi:10.3348/kjr.2024.0843, and its update",
    (
        Item("1", "Model: version and hash", "A", model_items.identity),
        Item("2", "Access and hardware", "A", model_items.access),
        Item("3", "Type of input", "A", _input),
        Item("4", "Adaptation of the model (parametric)", "A", model_items.development),
        Item("5", "Prompts, tries and failures", "A", _tries),
        Item("6", "Items independent of each other", "A", _independent),
        Item("7", "Repeats, temperature, agreement", "A", result_items.repeats),
        Item("8", "Independence of the test data", "A", _overlap),
    ),
)


NO_GROUPS = "Scores by groups of patients were not measured: the data name none."


def _release(facts: Facts) -> str:
    return (facts.figures.state.end or "not finished")[:10]


def _use(facts: Facts) -> str:
    return (
        'For research: `medtune ask RUN "…"`, `medtune chat RUN`. Not for decisions about patients.'
    )


def _version(facts: Facts) -> str:
    state = facts.figures.state
    weights = (state.result and state.result.weights_sha256) or "not made yet"
    return f"medtune {state.versions['medtune']}; weights {weights}"


def _stage(_: Facts) -> str:
    return model_items.STAGE


def _kind(facts: Facts) -> str:
    return f"Generative language model, {METHODS[facts.recipe.train.method]}."


def _security(_: Facts) -> str:
    return (
        "Only safetensors and JSON are read and written, no code of a model is run; "
        "nothing is sent "
        "anywhere unless the recipe names a remote model."
    )


def _fairness(_: Facts) -> Filled:
    return unmeasured(NO_GROUPS)


def _unsafe(facts: Facts) -> Filled | str:
    safe = result_items.safe(facts)
    return result_items.usual_harm(facts) if safe.results else safe


def _not_tested(facts: Facts) -> str:
    return "Not tested: " + "; ".join(facts.figures.not_measured()) + "."


def _safety_data(facts: Facts) -> Filled | str:
    return (
        "Prompts that come with medtune, judged by rules."
        if facts.figures.in_section("harm")
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
        Item(f"KeyMetrics.{name}.{key}", f"{title}: {part}", "A", fill)
        for key, part, fill in zip(keys, titles, fills, strict=True)
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
        Item("BasicInfo.ModelName", "Model", "A", lambda facts: facts.recipe.name),
        Item("BasicInfo.ModelDeveloper", "Developer", "P", topics=("developer",)),
        Item("BasicInfo.DeveloperContact", "Contact", "P", topics=("contact",)),
        Item("ReleaseInfo.ReleaseStage", "Stage", "A", _stage),
        Item("ReleaseInfo.ReleaseDate", "Date", "A", _release),
        Item("ReleaseInfo.ReleaseVersion", "Version", "A", _version),
        Item(
            "ReleaseInfo.GlobalAvailability", "Where it is available", "P", topics=("availability",)
        ),
        Item("ReleaseInfo.RegulatoryApproval", "Regulatory approval", "P", topics=("approval",)),
        Item("ModelSummary.Summary", "Summary", "H", model_items.summary),
        Item(
            "ModelSummary.Keywords",
            "Keywords",
            "A",
            lambda facts: f"medical, language model, fine-tuning, {data_items.names(facts)}",
        ),
        Item(
            "UsesAndDirections.IntendedUseAndWorkflow",
            "Intended use and workflow",
            "P",
            topics=("intended_use",),
        ),
        Item(
            "UsesAndDirections.PrimaryIntendedUsers", "Intended users", "P", topics=("expertise",)
        ),
        Item("UsesAndDirections.HowToUse", "How to use", "H", _use),
        Item(
            "UsesAndDirections.TargetedPatientPopulation", "Patients", "P", topics=("population",)
        ),
        Item(
            "UsesAndDirections.CautionedOutOfScopeSettings",
            "Out of scope",
            "P",
            topics=("out_of_scope",),
        ),
        Item(
            "Warnings.KnownRisksAndLimitations", "Risks and limitations", "A", result_items.failures
        ),
        Item(
            "Warnings.KnownBiasesOrEthicalConsiderations",
            "Biases and ethics",
            "P",
            topics=("bias", "ethics"),
        ),
        Item("Warnings.ClinicalRiskLevel", "Clinical risk level", "P", topics=("risk",)),
        Item("AISystemFacts.OutcomesAndOutputs", "Outputs", "A", model_items.outputs),
        Item("AISystemFacts.ModelType", "Type of model", "A", _kind),
        Item("AISystemFacts.FoundationModels", "Foundation model", "A", model_items.identity),
        Item("AISystemFacts.InputDataSource", "Source of the input", "H", data_items.sources),
        Item(
            "AISystemFacts.OutputAndInputDataTypes",
            "Types of input and output",
            "A",
            lambda _: "Text in, text out.",
        ),
        Item(
            "AISystemFacts.DevelopmentDataCharacterization",
            "Development data",
            "A",
            data_items.distribution,
        ),
        Item(
            "AISystemFacts.BiasMitigationApproaches",
            "What was done about bias",
            "H",
            topics=("bias",),
        ),
        Item("AISystemFacts.OngoingMaintenance", "Maintenance", "P", topics=("maintenance",)),
        Item("AISystemFacts.Security", "Security", "A", _security),
        Item("AISystemFacts.Transparency", "Transparency", "A", model_items.code),
        Item("TransparencyInformation.FundingSource", "Funding", "P", topics=("funding",)),
        Item(
            "TransparencyInformation.ThirdPartyInformation",
            "Third parties",
            "H",
            model_items.availability,
        ),
        Item(
            "TransparencyInformation.StakeholdersConsulted",
            "Stakeholders",
            "P",
            topics=("public_involvement",),
        ),
        *_metric(
            "UsefulnessUsabilityEfficacy",
            "Usefulness",
            "Better answers to held-out items than the untouched model's.",
            USEFUL,
        ),
        *_metric("FairnessEquity", "Fairness", "Equal scores for groups of patients.", FAIR),
        *_metric(
            "SafetyReliability", "Safety", "No more harm than the untouched model does.", SAFE
        ),
        Item("Resources.EvaluationReferences", "Evaluations elsewhere", "P", topics=("resources",)),
        Item("Resources.ClinicalTrial", "Clinical trial", "P", topics=("registration",)),
        Item("Resources.PeerReviewedPublications", "Publications", "P", topics=("resources",)),
        Item(
            "Resources.PatientConsentOrDisclosure", "Consent of patients", "P", topics=("ethics",)
        ),
        Item("Bibliography", "Bibliography (BibTeX)", "A", model_items.bibliography),
    ),
)

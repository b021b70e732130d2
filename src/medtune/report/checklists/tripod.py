"""TRIPOD-LLM: 19 items with their sub-items (Gallifant et al. 2025, Nature Medicine 31:60–69), in our own short words."""

from medtune.report.checklists import of_data, of_model, of_results
from medtune.report.checklists.base import Checklist, Facts, Filled, Item, unmeasured


def _poor_input(_: Facts) -> Filled:
    return unmeasured("Empty, perturbed, over-long and out-of-scope questions were not tried.")


TRIPOD = Checklist(
    "TRIPOD-LLM",
    "Gallifant et al. 2025, doi:10.1038/s41591-024-03425-5",
    (
        Item("1", "Title", "H", of_results.title),
        Item("2", "Abstract", "H", of_results.abstract),
        Item("3a", "Health-care context and rationale", "P", topics=("purpose",)),
        Item("3b", "Target population and intended use", "P", topics=("population", "intended_use")),
        Item("4", "Objectives", "A", of_results.objectives),
        Item("5a", "Sources of data, by role", "H", of_data.sources),
        Item("5b", "Distribution of the data", "A", of_data.distribution),
        Item("5c", "Oldest and newest text", "H", topics=("text_dates",)),
        Item("5d", "Preprocessing and quality checks", "A", of_data.cleaning),
        Item("5e", "Missing and imbalanced data", "A", of_data.missing),
        Item("6a", "Name, version, date of training", "A", of_model.identity),
        Item("6b", "Development", "A", of_model.development),
        Item("6c", "Prompts and inference settings", "A", of_model.prompts),
        Item("6d", "Raw and processed output", "A", of_model.outputs),
        Item("6e", "Classification, probabilities, thresholds", "A", of_model.decisions),
        Item("7a", "Metrics of the output's quality", "A", of_results.metrics),
        Item("7b", "Relevance of the outcome, relation to human evaluation", "H", topics=("outcome",)),
        Item("7c", "Outcome, calculation, date of inference", "A", of_results.outcome),
        Item("7d", "Assessors and their agreement", "A", of_results.raters),
        Item("7e", "Comparison with models, people, benchmarks", "A", of_results.comparators),
        Item("8a", "How text was labelled", "H", of_data.annotation, ("annotation",)),
        Item("8b", "Annotators and their agreement", "H", of_data.annotation, ("annotation",)),
        Item("8c", "Background of the annotators", "H", of_data.annotation, ("annotation",)),
        Item("9a", "Design and choice of prompts", "H", of_results.prompt_design),
        Item("9b", "Data used to develop prompts", "A", of_results.prompt_data),
        Item("10", "Shortening of texts", "A", of_data.shortening),
        Item("11", "Instruction tuning", "A", of_model.tuning),
        Item("12", "Compute", "A", of_model.compute),
        Item("13", "Ethical approval", "P", topics=("ethics",)),
        Item("14a", "Funding", "P", topics=("funding",)),
        Item("14b", "Conflicts of interest", "P", topics=("conflicts",)),
        Item("14c", "Protocol", "P", topics=("protocol",)),
        Item("14d", "Registration", "P", topics=("registration",)),
        Item("14e", "Availability of data", "A", of_model.availability),
        Item("14f", "Availability of code", "A", of_model.code),
        Item("15", "Public involvement", "P", topics=("public_involvement",)),
        Item("16a", "Flow of the data", "A", of_data.flow),
        Item("16b", "Characteristics by split", "A", of_data.distribution),
        Item("16c", "Development against evaluation data", "A", of_data.shift),
        Item("16d", "Items in each analysis", "A", of_results.counts),
        Item("17", "Performance", "A", of_results.performance),
        Item("18", "Updating", "A", of_results.updating),
        Item("19a", "Interpretation", "H", of_results.interpretation),
        Item("19b", "Limitations", "H", of_results.limits),
        Item("19c", "Challenges of the data", "H", of_data.data_problems),
        Item("19d", "Intended use of the implementation", "P", topics=("intended_use", "out_of_scope")),
        Item("19e", "Poor or missing input", "H", _poor_input, ("robustness",)),
        Item("19f", "Interaction and expertise of users", "P", topics=("expertise",)),
        Item("19g", "Next steps", "P", topics=("next_steps",)),
    ),
)

"""TRIPOD-LLM: 19 items with their sub-items (Gallifant et al.

2025, Nature Medicine 31:60–69), in our own short words.
"""

from medtune.report.checklists import data_items, model_items, result_items
from medtune.report.checklists.base import Checklist, Facts, Filled, Item, unmeasured


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

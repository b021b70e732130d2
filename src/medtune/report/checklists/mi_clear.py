"""MI-CLEAR-LLM: minimum reporting items for accuracy reports of language models in health care
(Park et al.), eight domains.
"""

from medtune.report.checklists import data_items, model_items, result_items
from medtune.report.checklists.base import Checklist, Facts, Filled, Item


def _input(facts: Facts) -> str:
    return f"Text: one conversation an item, as in data/test.parquet. {model_items.tuning(facts)}"


def _tries(facts: Facts) -> Filled | str:
    prompt = model_items.prompts(facts)
    if isinstance(prompt, Filled):
        return prompt
    return f"{prompt} {result_items.prompt_design(facts)} {result_items.tries(facts)} {model_items.outputs(facts)}"


def _independent(_: Facts) -> str:
    return "Each item is a conversation of its own: nothing of one item is in the context of another. Items that share a text or subject form groups, and intervals draw groups."


def _overlap(facts: Facts) -> str:
    public = "; ".join(
        f"{s.name}: {s.published or 'not known to be public'}" for s in facts.figures.audit.sources
    )
    return f"{data_items.overlap(facts)} Where the test rows come from ({public}): a public test set may have been read by the base model."


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

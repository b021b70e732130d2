"""MI-CLEAR-LLM: minimum reporting items for accuracy reports of language models in health care (Park et al.), eight domains."""

from medtune.report.checklists import of_data, of_model, of_results
from medtune.report.checklists.base import Checklist, Facts, Filled, Item


def _input(facts: Facts) -> str:
    return f"Text: one conversation an item, as in data/test.parquet. {of_model.tuning(facts)}"


def _tries(facts: Facts) -> Filled | str:
    prompt = of_model.prompts(facts)
    if isinstance(prompt, Filled):
        return prompt
    return f"{prompt} {of_results.prompt_design(facts)} {of_results.tries(facts)} {of_model.outputs(facts)}"


def _independent(_: Facts) -> str:
    return "Each item is a conversation of its own: nothing of one item is in the context of another. Items that share a text or subject form groups, and intervals draw groups."


def _overlap(facts: Facts) -> str:
    public = "; ".join(
        f"{s['name']}: {s.get('published') or 'not known to be public'}" for s in facts.figures.audit["sources"]
    )
    return f"{of_data.overlap(facts)} Where the test rows come from ({public}): a public test set may have been read by the base model."  # fmt: skip


CLEAR = Checklist(
    "MI-CLEAR-LLM",
    "Park et al. 2024, doi:10.3348/kjr.2024.0843, and its update",
    (
        Item("1", "Model: version and hash", "A", of_model.identity),
        Item("2", "Access and hardware", "A", of_model.access),
        Item("3", "Type of input", "A", _input),
        Item("4", "Adaptation of the model (parametric)", "A", of_model.development),
        Item("5", "Prompts, tries and failures", "A", _tries),
        Item("6", "Items independent of each other", "A", _independent),
        Item("7", "Repeats, temperature, agreement", "A", of_results.repeats),
        Item("8", "Independence of the test data", "A", _overlap),
    ),
)

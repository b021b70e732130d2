"""What is refused before anything is measured."""

from dataclasses import replace

import pytest

from medtune.errors import DataError
from medtune.evaluation.evaluate import Job
from medtune.evaluation.tasks import TaskSettings
from medtune.models.load import locate
from medtune.recipe.read import read_run_recipe
from medtune.runs.plan import Plan
from medtune.runs.preflight import check_labels
from tiny_llama import make_tiny_model
from tiny_t5 import make_tiny_t5


@pytest.fixture(scope="module", params=[make_tiny_model, make_tiny_t5])
def lower_case(request, tmp_path_factory):
    """A causal model and a T5 under a tokenizer that reads NFKC in lower case."""
    from tokenizers import normalizers
    from transformers import AutoTokenizer

    place = request.param(tmp_path_factory.mktemp("folding") / "model")
    tokenizer = AutoTokenizer.from_pretrained(place)
    folded = [normalizers.NFKC(), normalizers.Lowercase()]
    tokenizer.backend_tokenizer.normalizer = normalizers.Sequence(folded)
    tokenizer.save_pretrained(place)
    return place


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (("10²", "102", "103"), "of the 3 labels in alphabetical order, 1 and 2 are"),
        (("IV", "fever", "iv", "x"), "of the 4 labels in alphabetical order, 1 and 3 are"),
        (("pain", "pain "), "of the 2 labels in alphabetical order, 1 and 2 are"),
        (("A", "B", "a", "b"), "1 and 3, 2 and 4 are"),
        (("INR < 2", "INR ~ 2"), None),
    ],
)
def test_labels_of_the_same_tokens_are_refused(lower_case, labels, said):
    recipe = read_run_recipe(
        "quickstart",
        [f"model.name={lower_case}", "evaluate.tasks=[classification]", "evaluate.margin={}"],
        None,
    )
    settings = replace(TaskSettings.of(recipe), labels=labels)
    jobs = [Job(recipe.evaluate.tasks[0], settings, ())]
    plan = Plan(recipe, locate(str(lower_case)), None)
    if said is None:
        check_labels(plan, jobs)
        return
    with pytest.raises(DataError, match=said) as caught:
        check_labels(plan, jobs)
    assert not any(label in caught.value.what for label in labels if len(label) > 3)

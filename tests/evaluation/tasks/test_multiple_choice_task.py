"""Questions with options: every score with a known answer, ties, orders, worked examples, and
answers read strictly.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st

from medtune.conversation import Conversation, Message
from medtune.errors import DataError, RecipeError
from medtune.evaluation.comparison.paired import compare
from medtune.evaluation.evaluate import score
from medtune.evaluation.tasks import TASKS
from medtune.evaluation.tasks.multiple_choice import PREMISE, named_choice
from medtune.models.interface import ChoiceLikelihoods
from medtune.recipe.read import read_run_recipe
from medtune.recipe.schema import TaskSpec

TASK = TASKS["multiple_choice"]
LETTERS = "ABCDE"


def question(text, options, answer, label=None):
    lines = [f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=False)]
    messages = (
        Message("user", "\n".join([text, "", *lines])),
        Message("assistant", lines[LETTERS.index(answer)]),
    )
    return Conversation(f"id-{text}", f"g-{text}", "test", messages, label, tuple(options), answer)


class Likes:
    """A model whose log-likelihoods a function of (conversation, answer) says."""

    name = fingerprint = "likes"

    def __init__(self, of):
        self.of, self.asked = of, []

    def choice_loglikelihoods(self, asked, progress=None):
        made = []
        for messages, answers in asked:
            self.asked.append(tuple(messages))
            scores = tuple(self.of(messages, answer) for answer in answers)
            sizes = tuple(len(answer.encode()) for answer in answers)
            made.append(
                ChoiceLikelihoods(
                    messages[-1].content, tuple(answers), scores, (1,) * len(answers), sizes
                )
            )
        return made

    generate = loglikelihoods = text_loglikelihoods = None


@pytest.fixture
def of(settings):
    def make(limit=None, **spec):
        return settings(limit=limit).for_task(TaskSpec(task="multiple_choice", **spec))

    return make


def figures(samples):
    return {name: entry.value for name, entry in score(TASK, samples, 200, 0).items()}


def test_raw_and_per_byte_and_pmi_differ_as_they_should(of):
    """Log-likelihoods (−2, −6) of lengths (1, 10): raw takes the first, per byte the second."""
    options = ("x", "ten letter")
    given_question = {"x": -2.0, "ten letter": -6.0}
    alone = {"x": -1.0, "ten letter": -9.0}

    def likes(messages, answer):
        if answer in LETTERS:
            return -1.0 if answer == "A" else -2.0
        return (alone if messages[-1].content == PREMISE else given_question)[answer]

    item = question("q", options, "B")
    found = {}
    for primary in ("letters", "texts", "texts_per_byte", "texts_pmi"):
        (sample,) = TASK.run(Likes(likes), [item], of(primary=primary))
        found[primary] = sample["score"]["correct"]
        names = ("letters", "texts", "texts_per_byte", "texts_pmi")
        assert {name: sample["score"][name] for name in names} == {
            "letters": 0, "texts": 0, "texts_per_byte": 1, "texts_pmi": 1,
        }  # fmt: skip
    assert found == {"letters": 0, "texts": 0, "texts_per_byte": 1, "texts_pmi": 1}
    assert sample["primary_scores"] == pytest.approx([-1.0, 3.0])
    assert sample["loglikelihoods"] == [-2.0, -6.0]
    assert sample["beside"]["letters"]["loglikelihoods"] == [-1.0, -2.0]


@given(st.lists(st.integers(2, 5), min_size=1, max_size=12), st.data())
@tries(max_examples=25, deadline=None)
def test_a_model_that_knows_nothing_scores_one_in_k(sizes, data):
    items = [
        question(f"q{i}", [f"o{i}{j}" for j in range(k)], LETTERS[data.draw(st.integers(0, k - 1))])
        for i, k in enumerate(sizes)
    ]
    from medtune.evaluation.tasks import TaskSettings
    from medtune.recipe.schema import Decoding

    settings = TaskSettings(0, Decoding(), (), None).for_task(TaskSpec(task="multiple_choice"))
    found = figures(TASK.run(Likes(lambda messages, answer: -3.0), items, settings))
    assert found["accuracy"] == pytest.approx(np.mean([1 / k for k in sizes]))
    assert found["accuracy_texts"] == pytest.approx(found["accuracy"])


def test_a_model_that_always_says_a_is_found_out_by_other_orders(of):
    items = [question(f"q{i}", [f"a{i}", f"b{i}", f"c{i}", f"d{i}"], "A") for i in range(4)]
    found = figures(
        TASK.run(Likes(lambda messages, answer: -float(answer != "A")), items, of(permutations=4))
    )
    assert found["accuracy"] == 1.0
    assert found["accuracy_permuted"] == 0.25
    assert found["stable"] == 0.0


def test_a_model_that_knows_chooses_the_same_option_in_every_order(of):
    items = [question(f"q{i}", ["wrong", "right", "bad"], "B") for i in range(3)]

    def knows(messages, answer):
        asked = messages[-1].content
        if answer in LETTERS:
            return 0.0 if f"{answer}. right" in asked else -5.0
        return 0.0 if answer == "right" else -5.0

    samples = TASK.run(
        Likes(knows), items, of(permutations=5)
    )  # more orders than options: each once
    found = figures(samples)
    assert (found["accuracy"], found["accuracy_permuted"], found["stable"]) == (1.0, 1.0, 1.0)
    assert [len(sample["orders"]) for sample in samples] == [3, 3, 3]


def test_letters_see_the_options_and_texts_do_not(of):
    model = Likes(lambda messages, answer: -1.0)
    TASK.run(model, [question("Why?", ["this", "that"], "A")], of())
    lettered, bare, premise = [messages[-1].content for messages in model.asked]
    assert lettered == "Why?\n\nA. this\nB. that"
    assert (bare, premise) == ("Why?", PREMISE)


def test_worked_examples_answer_in_the_form_that_is_scored(of):
    model = Likes(lambda messages, answer: -1.0)
    examples = (question("Old?", ["yes", "no"], "B"),)
    TASK.run(
        model,
        [question("New?", ["this", "that"], "A")],
        replace(of(), examples=examples, system="Be right."),
    )
    lettered, bare, premise = model.asked
    assert [m.content for m in lettered] == [
        "Be right.",
        "Old?\n\nA. yes\nB. no",
        "B",
        "New?\n\nA. this\nB. that",
    ]
    assert [m.role for m in lettered] == ["system", "user", "assistant", "user"]
    assert [m.content for m in bare] == ["Be right.", "Old?", "no", "New?"]
    assert [m.content for m in premise] == ["Be right.", PREMISE]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("B", 1),
        ("The answer is (C).", 2),
        ("Answer: B", 1),
        ("Because it hurts.", None),
        ("I don't know", None),
        ("A or B", None),
        ("A cough", None),
        ("metformin", 0),
        ("A. metformin.", 0),
        ("Not metformin", None),
        ("aspirin", None),
        ("", None),
    ],
)
def test_answers_are_read_strictly(text, named):
    assert named_choice(text, ["metformin", "insulin", "rest"]) == named


@pytest.mark.parametrize("primary", ["letters", "texts"])
def test_the_tokens_of_both_forms_are_kept(of, primary):
    class Counts(Likes):
        def choice_loglikelihoods(self, asked, progress=None):
            made = super().choice_loglikelihoods(asked, progress)
            return [
                replace(one, tokens=tuple(len(text.split()) for text in one.texts)) for one in made
            ]

    model = Counts(lambda messages, answer: -1.0)
    (sample,) = TASK.run(model, [question("q", ["one", "and two more"], "A")], of(primary=primary))
    found = {
        "letters": sample["beside"].get("letters", sample),
        "texts": sample["beside"].get("texts", sample),
    }
    assert (found["letters"]["tokens"], found["texts"]["tokens"]) == ([1, 1], [1, 3])


def test_unread_answers_are_wrong_and_counted(scripted, of):
    answers = ["B", "The answer is (C).", "I don't know", "A or B"]
    items = [question(f"q{i}", ["k", "l", "m", "n"], key) for i, key in enumerate("BCDA")]
    asked = "{}\n\nA. k\nB. l\nC. m\nD. n\nAnswer with the letter of the right option alone."
    model = scripted(answers={asked.format(f"q{i}"): text for i, text in enumerate(answers)})
    samples = TASK.run(model, items, of(primary="generation"))
    found = figures(samples)
    assert (found["accuracy"], found["parse_rate"]) == (0.5, 0.5)
    assert samples[2]["score"]["predicted"] == {}


def test_fixed_classes_get_a_macro_f1_over_all_of_them(of):
    """Always yes on 5 yes, 3 no, 2 maybe."""
    options = ("yes", "no", "maybe")
    items = [
        question(f"q{i}", options, key, dict(zip("ABC", options, strict=True))[key])
        for i, key in enumerate("AAAAABBBCC")
    ]
    samples = TASK.run(
        Likes(lambda messages, answer: -float(answer not in ("yes", "A"))),
        items,
        of(primary="texts"),
    )
    found = figures(samples)
    assert found["accuracy"] == 0.5
    assert found["macro_f1"] == pytest.approx(2 * 5 / 15 / 3)
    assert samples[0]["options"] == list(options)


def test_before_and_after_are_compared_by_mcnemar(of):
    items = [question(f"q{i}", ["x", "y"], "A") for i in range(20)]
    sides = [
        TASK.run(Likes(lambda messages, answer, w=w: -float(answer != w)), items, of())
        for w in "BA"
    ]
    (change,) = [
        compare({"m": [*sides[0]]}, {"m": [*sides[1]]}, 200, 0, {"m": TASK})["m"]["accuracy"]
    ]
    assert (change.value, change.test) == (1.0, "exact McNemar")
    assert change.p == pytest.approx(2 * 0.5**20)
    assert change.detectable == pytest.approx(6 / 20)


def test_questions_of_four_and_of_five_options_make_one_table(of):
    from medtune.evaluation.class_tables import class_tables

    items = [
        question("four", ["a", "b", "c", "d"], "D"),
        question("five", ["a", "b", "c", "d", "e"], "E"),
    ]
    samples = TASK.run(Likes(lambda messages, answer: -float(answer != "D")), items, of())
    tables = class_tables(samples)
    assert tables.labels == list("ABCDE")
    assert [row.n for row in tables.classes] == [0, 0, 0, 1, 1]
    assert tables.confusion[4][3] == tables.confusion[3][3] == 1
    assert figures(samples)["accuracy"] == 0.5


def test_items_without_options_are_an_error(item, of):
    with pytest.raises(DataError, match="no row has options"):
        TASK.run(Likes(None), [item("q", "a")], of())


def test_a_setting_of_another_task_is_refused():
    with pytest.raises(RecipeError, match="permutations is not for answers"):
        read_run_recipe("quickstart", ["evaluate.tasks=[{task: answers, permutations: 4}]"])

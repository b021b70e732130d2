"""The verdict in a sentence."""

import pytest

from made_results import made_change, made_score
from medtune.data.audit import SplitTextLoss, TextLoss
from medtune.evaluation.decisions import margin_test
from medtune.report.run_metrics import DataFigures, Metrics
from medtune.report.verdict import p_text, verdict


def entry(value=-0.41, low=-0.44, high=-0.38, p=0.0004, better="lower", **others):
    return made_change(value, low, high, p, better=better, **others)


def metrics_of(tasks, **others):
    """Every figure was 3.2 before."""
    before = {task: dict.fromkeys(changes, made_score(3.2)) for task, changes in tasks.items()}
    return Metrics(recipe="r", status="complete", before=before, change=tasks, **others)


def said(**tasks):
    """Verdict of metrics given as task={metric: entry}."""
    return verdict(metrics_of(tasks))


def test_an_improvement_is_said_with_its_uncertainty():
    assert said(perplexity={"bits_per_byte": entry()}) == (
        "Bits per byte of the held-out answers fell by 0.41 (from 3.2; "
        "95 % 0.38 to 0.44, p < 0.001, n = 120 in 90 groups): "
        "the improvement is real on this test set."
    )


def test_a_deterioration_is_called_one():
    text = said(perplexity={"bits_per_byte": entry(0.2, 0.1, 0.3, 0.002)})
    assert "rose by 0.2" in text
    assert "95 % 0.1 to 0.3, p = 0.002" in text
    assert "the deterioration is real on this test set" in text


def test_higher_is_better_where_the_metric_says_so():
    assert "the improvement is real" in said(
        answers={"rouge_l": entry(0.2, 0.1, 0.3, better="higher")}
    )
    assert "the deterioration is real" in said(
        answers={"rouge_l": entry(-0.2, -0.3, -0.1, better="higher")}
    )


@pytest.mark.parametrize("p", [0.05, 0.3, 1.0])
def test_an_undecided_change_claims_nothing(p):
    text = said(perplexity={"bits_per_byte": entry(-0.02, -0.08, 0.04, p)})
    assert "does not show a difference" in text
    assert "fell by 0.02" in text
    assert "95 % -0.04 to 0.08" in text  # in the direction of the fall
    assert "real" not in text


def test_the_corrected_p_decides():
    found = entry(p=0.01, corrected=0.08)
    assert "does not show a difference" in said(perplexity={"bits_per_byte": found})


def test_bits_per_byte_is_the_headline_wherever_it_stands():
    text = said(
        answers={"rouge_l": entry(0.2, 0.1, 0.3, better="higher")},
        perplexity={"bits_per_byte": entry()},
    )
    assert text.startswith("Bits per byte")


def test_what_got_worse_is_said_beside_the_improvement():
    text = said(
        perplexity={"bits_per_byte": entry()},
        answers={
            "rouge_l": entry(-0.1, -0.2, -0.05, 0.01, better="higher"),
            "repetition": entry(0.3, 0.2, 0.4, 0.01),
            "token_f1": entry(-0.1, -0.3, 0.1, 0.4, better="higher"),
            "words": entry(5, 4, 6, None, better=None),
        },
    )
    assert text.endswith("Worse after training: rouge l (answers), repetition (answers).")


def test_answers_that_repeat_themselves_are_named_under_whatever_name_they_are_kept():
    worse = entry(0.1, 0.05, 0.2, 0.4, kind="answers")
    change = {"perplexity": {"bits_per_byte": entry()}, "long": {"repetition": worse}}
    after = {
        "perplexity": {"bits_per_byte": made_score(2.0)},
        "long": {"repetition": made_score(0.48)},
    }
    text = verdict(metrics_of(change, after=after))
    assert "48% of the words in its own answers are repetition" in text


def test_few_groups_allow_no_claim_however_clear_the_figures_look():
    text = said(perplexity={"bits_per_byte": entry(groups=4)})
    assert "4 groups are too few" in text
    assert "real" not in text


def test_not_worse_is_said_with_a_margin_and_never_without():
    unsure = entry(0.01, -0.02, 0.04, 0.4)
    assert "worse" not in said(perplexity={"bits_per_byte": unsure})
    test = margin_test("lower", 0.05, -0.015, 0.035, enough=True)
    text = said(perplexity={"bits_per_byte": unsure.model_copy(update={"margin": test})})
    assert text.endswith(
        "this test set does not show a difference; not worse by more than 0.05: shown "
        "(90 % -0.015 to 0.035); equivalent within 0.05: shown."
    )
    few = margin_test("lower", 0.05, -0.015, 0.035, enough=False)
    text = said(perplexity={"bits_per_byte": unsure.model_copy(update={"margin": few})})
    assert text.endswith("not worse by more than 0.05: cannot be told with these items.")


def test_a_change_of_rounding_is_called_no_difference():
    tiny = entry(-5e-8, -1e-3, 1e-3, 1.0, resolution=1e-3)
    assert said(perplexity={"bits_per_byte": tiny}).endswith(
        "no difference, since it is below what this arithmetic can resolve (0.001)."
    )


def test_a_single_group_allows_no_statement_about_chance():
    found = entry(low=None, high=None, p=None)
    assert "nothing can be said about chance" in said(perplexity={"bits_per_byte": found})


def test_descriptions_alone_are_no_verdict():
    assert said(topics={"words": entry(p=None, better=None)}).startswith("Nothing was tested")


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.0002, "p < 0.001"), (0.001, "p = 0.001"), (0.038574, "p = 0.039"), (1.0, "p = 1.000")],
)
def test_p_for_people(p, text):
    assert p_text(p) == text


def test_answers_that_the_tokenizer_does_not_know_are_why_nothing_was_tested():
    part = TextLoss(
        texts=8,
        characters=80,
        with_unknown=8,
        unknown_tokens=9,
        with_loss=8,
        lost_characters=9,
        most_lost={"<": 9},
        with_control_tokens=0,
        control_tokens=0,
    )
    loss = {"test": SplitTextLoss(prompts=part, answers=part)}
    metrics = Metrics(recipe="r", status="complete", data=DataFigures(text_loss=loss))
    assert "every held-out answer holds tokens" in verdict(metrics)
    assert "only descriptions" in verdict(Metrics(recipe="r", status="complete"))

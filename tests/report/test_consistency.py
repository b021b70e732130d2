"""No place of a report says of a difference what another one does not: verdict, table, card, plot,
arms, ranking, checklists and terminal, of runs made from saved samples.
"""

import json
import re
import shutil
from functools import cache

import pytest

from medtune.evaluation.comparison.leaderboard import ModelSamples, compare_all
from medtune.evaluation.results import plain
from medtune.evaluation.tasks import TASKS
from medtune.files import read_json, write_json, write_json_lines
from medtune.recipe.read import read_run_recipe
from medtune.report.checklists import filled_checklists
from medtune.report.evaluation_plots import COLORS
from medtune.report.figures import Figures
from medtune.report.verdict import verdict
from medtune.runs.pipeline import report_again
from medtune.runs.stage import RunDirectory

GROUPS = (5, 8, 12, 200)
NLL = {"better": -10.0, "equal": 0.0, "worse": 10.0}  # after minus before, of about 60
OVERLAP = {"better": 0.2, "equal": 0.0, "worse": -0.2}  # of ROUGE-L 0.4
LIKELIHOOD = "Bits per byte, answer (perplexity)"
RECIPE = [
    "evaluate.tasks=[perplexity, {task: answers, encoder: none}]",
    "evaluate.arms=[{name: shots, shots: 2}]",
    "evaluate.resamples=400",
]


def perplexity(groups, shift=0.0):
    return [
        {
            "id": f"i{n}",
            "group": f"g{n}",
            "source": "test",
            "question": f"Question {n}?",
            "prompt": f"Question {n}?",
            "continuations": ["answer"],
            "loglikelihoods": [-(60.0 + n % 7 + shift * (1 + n % 3 / 10))],
            "tokens": 20,
            "bytes": 80,
            "words": 15,
            "prompt_cut": 0,
            "reference": f"Reference {n}.",
            "score": 1.0,
        }
        for n in range(groups)
    ]


def answers(groups, shift=0.0):
    return [
        {
            "id": f"i{n}",
            "group": f"g{n}",
            "question": f"Question {n}?",
            "prompt": f"Question {n}?",
            "prompt_cut": 0,
            "output": "An answer.",
            "reference": f"Reference {n}.",
            "dose_conflicts": [],
            "score": {
                "rouge_l": 0.4 + n % 5 / 100 + shift * (1 + n % 3 / 10),
                "token_f1": 0.4 + n % 5 / 100,
                "bleu": [1, 2, 1, 2, 0, 1, 0, 1, 5, 5],
                "doses": [0, 0],
                "finished": 1,
                "repeated": [0, 5],
                "words": 5,
            },
        }
        for n in range(groups)
    ]


@pytest.fixture(scope="session")
def frame(tiny_model, tmp_path_factory):
    """A prepared run without any measurement, by recipe."""
    from medtune.runs.pipeline import execute

    root = tmp_path_factory.mktemp("consistency") / "frame"
    settings = ["data.source=curated", "data.limit=60", f"model.name={tiny_model}", *RECIPE]
    execute(read_run_recipe("quickstart", settings), root, None, stages=("prepare",))
    return root


@pytest.fixture(scope="session")
def measured(frame, tmp_path_factory):
    """Outcome of a run with so many groups whose likelihood and overlap moved so."""

    @cache
    def build(groups, likelihood, overlap):
        run = RunDirectory(tmp_path_factory.mktemp("runs") / "run")
        shutil.copytree(frame, run.root, dirs_exist_ok=True)
        moved = NLL[likelihood], OVERLAP[overlap]
        shifts = {run.before: (0.0, 0.0), run.after: moved}
        shifts[run.root / "eval" / "arms" / "shots"] = (0.0, 0.0)
        for side, (nll, rouge) in shifts.items():
            side.mkdir(parents=True)
            for task, samples in (
                ("perplexity", perplexity(groups, nll)),
                ("answers", answers(groups, rouge)),
            ):
                write_json_lines(side / f"{task}.samples.jsonl", samples)
                write_json(side / f"{task}.json", {"task": task})
        return report_again(run.root), run

    return build


def rows_of(page, heading):
    """Title → decision of the page's first table after a heading."""
    table = page[page.index(heading) :]
    table = table[table.index("<table") : table.index("</table>")]
    rows = re.findall(r"<tr><td>(.*?)</td>.*?<td class=\"(\w+)\">(\w+)</td></tr>", table, re.S)
    assert all(look == decision for _, look, decision in rows)
    return {re.sub(r"<[^>]*>", "", title).strip(): decision for title, _, decision in rows}


PAIRS = [("better", "worse"), ("worse", "better"), ("equal", "equal")]
CASES = [
    pytest.param(groups, *pair, marks=[] if groups in (5, 12) else pytest.mark.long)
    for groups in GROUPS
    for pair in PAIRS
]


@pytest.mark.parametrize(("groups", "likelihood", "overlap"), CASES)
def test_every_place_says_the_same(measured, groups, likelihood, overlap):
    outcome, run = measured(groups, likelihood, overlap)
    figures = Figures.read(run)
    decisions = {f"{row.title} ({row.task})": row.decision for row in figures.rows if row.tested}

    def shown(direction):
        return "undecided" if groups < 10 or direction == "equal" else direction

    # The one decision, in both files.
    assert decisions[LIKELIHOOD] == shown(likelihood)
    assert decisions["ROUGE-L F1 (answers)"] == shown(overlap)
    metrics = read_json(run.metrics)["change"]
    assert metrics == read_json(run.comparison)
    assert metrics["perplexity"]["bits_per_byte"]["decision"] == shown(likelihood)

    # Verdict, as page, card, terminal and --json have it.
    text = outcome.verdict
    assert text == verdict(outcome.metrics) == figures.verdict
    page, card = run.page.read_text(), run.card.read_text()
    assert text.replace("<", "&lt;") in page
    assert text in card
    judgements = {
        "better": "the improvement is real",
        "worse": "the deterioration is real",
        "undecided": f"{groups} groups are too few"
        if groups < 10
        else "this test set does not show a difference",
    }
    assert [d for d, words in judgements.items() if words in text] == [shown(likelihood)]
    worse = [title for title, decision in decisions.items() if decision == "worse"]
    beside = ", ".join(title for title in worse if title != LIKELIHOOD)
    assert (f"Worse after training: {beside}." in text) == bool(beside)
    assert ("Worse after training" in text) == bool(beside)

    # Table and plot.
    assert rows_of(page, "The same as a table") == decisions
    svg = (run.plots / "forest.svg").read_text()
    drawn = {name for name, color in COLORS.items() if f"fill: {color}" in svg}
    assert drawn == set(decisions.values())

    # Card.
    cells = [line.split(" | ") for line in card.splitlines() if line.startswith("| ")]
    of_card = {row[0][2:]: row[-1].removesuffix(" |") for row in cells if len(row) == 7}
    assert of_card["Bits per byte, answer"] == shown(likelihood)
    assert of_card["ROUGE-L F1"] == shown(overlap)

    # Checklists.
    items = {item.id: item.text for item in filled_checklists(figures)[0].items}
    since = ", ".join(worse) or "nothing that this test set shows"
    assert f"Worse since: {since}. Items" in items["18"]
    undecided = {r.title for r in figures.rows if r.tested and r.decision == "undecided"}
    assert all(title in items["19b"] for title in undecided)
    assert text in items["19a"]

    # Arms: of two that are as the base is, and the trained model.
    arms = outcome.metrics.arms
    against = {row.name: row.against_best for row in arms.rows}
    decided = {change.decision for change in against.values() if change}
    assert ("worse" in decided) == (shown(likelihood) != "undecided")
    assert ("significantly" in arms.sentence or "too" in arms.sentence) or likelihood == "equal"
    assert ("every cheaper way is significantly worse" in arms.sentence) == (
        shown(likelihood) == "better"
    )
    assert ("groups are too few" in arms.sentence) == (groups < 10)
    assert ("cheapest that holds up" in page) == (groups >= 10)


@pytest.mark.parametrize(("groups", "likelihood", "overlap"), CASES)
def test_a_ranking_says_what_the_run_says(measured, groups, likelihood, overlap):
    outcome, _ = measured(groups, likelihood, overlap)
    of_run = outcome.metrics.change["perplexity"]["bits_per_byte"].decision
    sides = {"before": 0.0, "after": NLL[likelihood]}
    models = [
        ModelSamples(
            name,
            {
                "perplexity": [
                    TASKS["perplexity"].sample.model_validate(line)
                    for line in perplexity(groups, shift)
                ]
            },
            "t",
        )
        for name, shift in sides.items()
    ]
    tables, _ = compare_all(models, {"perplexity": TASKS["perplexity"]}, 400, 0)
    board = next(table for table in tables if table.metric == "bits_per_byte")
    (pair,) = board.pairs
    assert pair.decision == of_run
    assert pair.better == {"better": "after", "worse": "before"}.get(of_run)
    ranks = {row.name: row.rank for row in board.rows}
    better = {"better": {"after": 1, "before": 2}, "worse": {"before": 1, "after": 2}}
    assert ranks == better.get(of_run, {"after": 1, "before": 1})
    assert bool(board.note) == (groups < 10)
    assert json.loads(json.dumps(plain({"board": board})))["board"]["pairs"][0]["decision"]

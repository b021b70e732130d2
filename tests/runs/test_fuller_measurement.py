"""A run with arms, seeds, a learning curve, confidence and questions of a file of one's own,
through the real command.
"""

import csv
import json

import pytest

from command_line import run_command
from small_run import QUICK, overrides, write_questions

TASKS = (
    "[perplexity, "
    "{task: multiple_choice, source: FILE, confidence: true, permutations: 3, shots: 1}, "
    "{task: answers, samples: 2, encoder: none, limit: 4}, {task: safety, limit: 5}]"
)
ARMS = (
    "[{name: same}, {name: shots, shots: 2}, {name: tuned-same, model: tuned}, "
    "{name: told, system_prompt: Be brief.}]"
)


def exam(path):
    rows = [
        {
            "question": f"Which of these is number {n}?",
            "options": {"A": f"number {n}", "B": "gout", "C": "asthma"},
            "answer_idx": "A",
            "split": "test" if n < 12 else "train",
        }
        for n in range(40)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    return tmp_path_factory.mktemp("fuller")


@pytest.fixture(scope="module")
def command(workplace, tiny_model):
    data = write_questions(workplace / "questions.csv")
    questions = exam(workplace / "exam.jsonl")
    values = {
        "model.name": tiny_model,
        "data.source": data,
        "evaluate.tasks": TASKS.replace("FILE", str(questions)),
        "evaluate.arms": ARMS,
        "evaluate.learning_curve": "[0.5, 1]",
        "evaluate.seeds": 2,
    }
    settings = overrides(QUICK | values)
    return ["run", "quickstart", *settings, "--out", str(workplace / "run")]


@pytest.fixture(scope="module")
def run(workplace, command):
    done = run_command(*command, cwd=workplace)
    assert done.returncode == 0, done.stderr
    return workplace / "run"


@pytest.fixture(scope="module")
def metrics(run):
    return json.loads((run / "metrics.json").read_text())


def test_an_arm_that_changes_nothing_measures_the_same(metrics):
    rows = {row["name"]: row for row in metrics["arms"]["rows"]}
    assert list(rows) == ["base as it is", "tuned as it is", "same", "shots", "tuned-same", "told"]
    for arm, plain in (("same", "base as it is"), ("tuned-same", "tuned as it is")):
        assert rows[arm]["value"] == pytest.approx(rows[plain]["value"], rel=1e-6)
        assert rows[arm]["prompt_bytes"] == rows[plain]["prompt_bytes"]
    assert rows["shots"]["prompt_bytes"] > rows["same"]["prompt_bytes"]
    assert rows["told"]["value"] != rows["same"]["value"]
    assert metrics["arms"]["sentence"].startswith("Best of 6 ways")


def test_harm_is_measured_in_every_way(run, metrics):
    harm = next(found for found in metrics["arms_by_task"] if found["task"] == "safety")
    assert harm["metric"] == "critical_violations"
    assert [row["name"] for row in harm["rows"]][2:] == ["same", "shots", "tuned-same", "told"]
    assert {row["n"] for row in harm["rows"]} == {5}
    told = (run / "eval/arms/told/safety.samples.jsonl").read_text().splitlines()
    assert all("Be brief." in json.loads(line)["prompt"] for line in told)


def test_worked_examples_stand_in_the_prompts_and_are_no_test_rows(run):
    rows = [
        json.loads(line)
        for line in (run / "eval/arms/shots/perplexity.samples.jsonl").read_text().splitlines()
    ]
    plain = [
        json.loads(line)
        for line in (run / "eval/before/perplexity.samples.jsonl").read_text().splitlines()
    ]
    heads = {
        shots["prompt"].removesuffix(own["prompt"].split("Question", 1)[-1])
        for shots, own in zip(rows, plain, strict=True)
    }
    assert len(heads) == 1
    assert heads.pop().count("Question:") == 2  # and the item's own
    assert all(own["reference"] not in rows[0]["prompt"] for own in plain)


def test_seeds_are_trainings_of_their_own_on_the_same_items(run, metrics):
    first, second = metrics["seeds"]["rows"]
    assert (first["seed"], second["seed"]) == (42, 43)
    assert first["value"] != second["value"]
    assert first["change"] == pytest.approx(
        metrics["change"]["perplexity"]["bits_per_byte"]["value"]
    )
    pooled = metrics["seeds"]["pooled"]
    assert pooled["value"] == pytest.approx((first["change"] + second["change"]) / 2)
    assert (pooled["seeds"], pooled["groups"]) == (2, 8)
    assert pooled["low"] <= pooled["value"] <= pooled["high"]
    assert not (run / "repeats/seed-43/model").exists()


def test_the_curve_goes_over_nested_parts(run, metrics):
    from medtune.conversation import read_conversations

    half, whole = metrics["learning_curve"]["points"]
    assert (half["fraction"], whole["fraction"]) == (0.5, 1.0)
    rows = {
        name: [item.id for item in read_conversations(run / name / "train.parquet")]
        for name in ("repeats/part-0.5/data", "data")
    }
    assert half["rows"] == len(rows["repeats/part-0.5/data"]) < whole["rows"] == len(rows["data"])
    assert set(rows["repeats/part-0.5/data"]) < set(rows["data"])


def test_confidence_is_calibrated_on_rows_that_are_not_measured(run):
    facts = json.loads((run / "eval/confidence.json").read_text())["multiple_choice"]["after"]
    assert facts["n"] == 12
    held_out = [
        json.loads(line)["id"]
        for line in (run / "eval/after/validation/multiple_choice.samples.jsonl")
        .read_text()
        .splitlines()
    ]
    measured = [
        json.loads(line)["id"]
        for line in (run / "eval/after/multiple_choice.samples.jsonl").read_text().splitlines()
    ]
    assert len(held_out) == 27  # 28 that are not measured, less the worked example
    assert not set(held_out) & set(measured)


def test_guessing_and_one_answer_always_stand_beside_the_score(run):
    made = json.loads((run / "eval/baselines.json").read_text())["multiple_choice"]
    assert (
        made["constant"]["scores"]["accuracy"]["value"] == 1.0
    )  # the file's right answers are all A
    assert made["chance"]["scores"]["accuracy"]["value"] == pytest.approx(1 / 3)


def test_decodings_with_several_seeds_are_pooled_within_their_items(run, metrics):
    for side in ("before", "after"):
        rows = [
            json.loads(line)
            for line in (run / f"eval/{side}/answers.samples.jsonl").read_text().splitlines()
        ]
        rounds = [row["score"]["sampled_rouge_l"] for row in rows]
        values = metrics["decoding_seeds"]["answers"][side]["values"]
        assert values == pytest.approx([sum(r) / len(rows) for r in zip(*rounds, strict=True)])
        pooled = metrics[side]["answers"]["sampled_rouge_l"]
        assert (pooled["value"], pooled["n"]) == (pytest.approx(sum(values) / 2), len(rows))
    assert "2 decodings with different seeds" in (run / "report.html").read_text()


def test_a_second_call_does_nothing_and_a_further_arm_is_all_that_is_added(medtune, command, run):
    again = medtune(*command)
    assert again.returncode == 0, again.stderr
    assert again.stderr.count("done before") == 14
    more = [
        part.replace("{name: same}, ", "{name: same}, {name: more, shots: 1}, ") for part in command
    ]
    added = medtune(*more, "--set", "statement.funding=None.", "--set", "evaluate.resamples=150")
    assert added.returncode == 0, added.stderr
    assert "[arm_more]" in added.stderr
    for stage in (
        "train",
        "seed-43",
        "part-0.5",
    ):  # words for people and resamples cost no training
        assert f"[{stage}] done before" in added.stderr


def test_repeated_training_is_refused_where_it_costs_money(medtune):
    done = medtune("run", "mtsamples-specialty-hosted", "--seeds", "3")
    assert done.returncode == 2
    assert "not with hosted training" in done.stderr


def test_too_few_rows_for_worked_examples_is_an_error(medtune, tmp_path):
    before = medtune(
        "run", "quickstart", "--set", "evaluate.arms=[{name: shown, shots: 9999}]", "--out", "run"
    )
    assert before.returncode == 2
    assert "9999 worked examples are wanted" in before.stderr
    assert "[evaluate_before]" not in before.stderr


def test_overlap_of_the_exam_with_training_is_counted(run, metrics):
    facts = metrics["overlap"]["tasks"]["multiple_choice"]
    assert (facts["items"], facts["overlapping"]) == (12, 0)
    assert json.loads((run / "eval/overlap.json").read_text())["tasks"]["multiple_choice"] == facts


def test_an_exam_that_was_trained_on_is_found_out(medtune, tmp_path, tiny_model):
    """The questions of the exam are the rows of the training table."""
    place = exam(tmp_path / "exam.jsonl")
    long = "Which of these is, as far as anybody here in this room can tell, number"
    rows = [json.loads(line) for line in place.read_text().splitlines()]
    for number, row in enumerate(rows):
        row["question"] = f"{long} {number}?"
    place.write_text("".join(json.dumps(row) + "\n" for row in rows))
    table = tmp_path / "table.csv"
    with open(table, "w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows(
            [["question", "answer"]] + [[f"{long} {n}?", f"It is number {n}."] for n in range(40)]
        )
    done = medtune(
        "run", "quickstart", *overrides(QUICK), "--set", f"model.name={tiny_model}",
        "--set", f"data.source={table}",
        "--set", "data.near_duplicates.threshold=1", "--set", "data.split.group_by=[]",
        "--set", f"evaluate.tasks=[{{task: multiple_choice, source: {place}}}]", "--out", "run",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "multiple_choice: 12 of 12 items share 13 words in a row with train" in done.stderr
    assert "12 of 12 items share 13 words in a row" in (tmp_path / "run/report.html").read_text()
    assert "and nothing is left without them" in done.stdout.replace("\n", " ")


def test_rows_that_were_trained_on_calibrate_nothing(tmp_path, medtune, tiny_model):
    """Trained on the exam's own train part, which is also where confidence would be calibrated."""
    place = exam(tmp_path / "exam.jsonl")
    done = medtune(
        "run", "quickstart", *overrides(QUICK), "--set", f"model.name={tiny_model}",
        "--set", f"data.source={place}",
        "--set", f"evaluate.tasks=[{{task: multiple_choice, source: {place}, confidence: true}}]",
        "--out", "run",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    from medtune.conversation import read_conversations

    train = {item.stem for item in read_conversations(tmp_path / "run/data/train.parquet")}
    file = tmp_path / "run/eval/after/validation/multiple_choice.samples.jsonl"
    asked = [json.loads(line)["question"] for line in file.read_text().splitlines()]
    assert asked
    assert not train & set(asked)
    assert "rows for calibration were trained on: left out" in done.stderr


def test_without_another_part_examples_come_from_what_the_limit_leaves_out(medtune, tmp_path):
    place = exam(tmp_path / "exam.jsonl")
    rows = [json.loads(line) | {"split": None} for line in place.read_text().splitlines()]
    place.write_text("".join(json.dumps(row) + "\n" for row in rows))
    wanted = f"evaluate.tasks=[{{task: multiple_choice, source: {place}, shots: 2, limit: 5}}]"
    done = medtune("evaluate", "quickstart", "--set", wanted, "--out", "out")
    assert done.returncode == 0, done.stderr
    samples = [
        json.loads(line)
        for line in (tmp_path / "out/multiple_choice.samples.jsonl").read_text().splitlines()
    ]
    shown = samples[0]["prompt"].split("Which of these")[1:-1]
    assert len(shown) == 2
    assert not any(
        f"Which of these{text}".split("\n")[0] in {s["question"] for s in samples} for text in shown
    )

"""`medtune run` with a hosted job, from a table to a report, over real HTTP.

Asked, stopped, interrupted, killed, resumed.
"""

import csv
import io
import json
import os
import signal
import sys
from types import SimpleNamespace

import pytest
import yaml

import medtune
from command_line import StartedCommand
from hosting import BASE, IGNORANT, KEY, running
from medtune import progress
from medtune.cli.app import main
from medtune.files import read_json_lines

TRAINING = "POST /fine_tuning/jobs$"
WATCHING = "GET /fine_tuning/jobs/ftjob"


@pytest.fixture
def server():
    with running() as server:
        yield server


@pytest.fixture
def work(server, tmp_path, questions_csv, monkeypatch):
    """An empty directory with the recipe try.yaml for the server."""
    values = {
        "name": "try",
        "data": {
            "source": str(questions_csv),
            "system_prompt": "Be brief.",
            "split": {"group_by": ["question"]},
        },
        "model": {
            "name": BASE,
            "prompt": "Medical question: {question}",
            "endpoint": {"base_url": server.url, "api_key_env": "TEST_KEY", "max_retries": 1},
        },
        "train": {
            "method": "hosted",
            "hosted": {"poll_seconds": 0.01, "usd_per_million_tokens": 8, "n_epochs": 2},
        },
        "evaluate": {
            "tasks": ["answers", "topics"],
            "limit": 4,
            "topics": ["What is botulism?"],
            "resamples": 100,
        },
    }
    (tmp_path / "try.yaml").write_text(yaml.safe_dump(values))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TEST_KEY", KEY)
    handler = signal.getsignal(signal.SIGTERM)
    yield tmp_path
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def call(work, monkeypatch, capsys):
    """The command in this process: code, standard output, standard error."""

    def run(*arguments, typed=None):
        monkeypatch.setattr(sys, "argv", ["medtune", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed or ""))
        # At a terminal there would be bars among what is read here; what an earlier call asked for
        # is forgotten.
        monkeypatch.setattr(
            "medtune.progress._settings", progress._Settings(quiet=typed is not None)
        )
        if typed is not None:
            monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
            monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        assert KEY not in captured.out + captured.err
        return SimpleNamespace(code=ended.value.code or 0, out=captured.out, err=captured.err)

    return run


def state_of(work):
    return json.loads((work / "runs/try/train/hosted.json").read_text())


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def no_key_in(place):
    files = [path for path in place.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


# The whole way


@pytest.fixture
def done(call, work, server):
    ended = call("run", "try.yaml", "--yes")
    assert ended.code == 0, ended.err
    return ended


def test_the_whole_way(done, call, work, server):
    place = work / "runs/try"
    for name in (
        "recipe.yaml",
        "run.json",
        "metrics.json",
        "report.html",
        "README.md",
        "eval/comparison.json",
        "train/metrics.jsonl",
        "train/loss.csv",
        "train/trainer_stats.json",
        "model/endpoint.json",
        f"train/{BASE}_loss.csv",
        f"train/{BASE}_loss.png",
        f"train/trainer_stats_{BASE}.json",
    ):
        assert (place / name).is_file(), name
    metrics = json.loads((place / "metrics.json").read_text())
    assert metrics["status"] == "complete"
    assert metrics["before"]["answers"]["rouge_l"]["value"] == 0
    assert metrics["after"]["answers"]["rouge_l"]["value"] > 0.5
    assert (metrics["train"]["steps"], metrics["train"]["tokens"]) == (12, 4321)
    assert metrics["train"]["cost_usd"] == pytest.approx(4321 * 8 / 1e6)
    tuned = f"ft:{BASE}:org-test:try:00000003"
    assert json.loads((place / "model/endpoint.json").read_text())["name"] == tuned
    models = {body["model"] for body in server.bodies("chat")}
    assert models == {BASE, tuned}
    sample = read_json_lines(place / "eval/after/answers.samples.jsonl")[0]
    system, user = json.loads(sample["prompt"])
    assert system == {"role": "system", "content": "Be brief."}
    assert user["content"].startswith("Medical question: ")
    no_key_in(place)
    report, card = (place / "report.html").read_text(), (place / "README.md").read_text()
    assert "A service shows no weights" in report
    assert tuned in report
    assert "$0.03" in report
    assert "which shows none" in card

    # Again: nothing is done, nothing is sent.
    sent = len(server.requests)
    again = call("run", "try.yaml")
    assert (again.code, again.out) == (0, done.out)
    assert len(server.requests) == sent

    # The run is a model like any other.
    asked = call("ask", "runs/try", "How is asthma treated?", "--quiet")
    assert asked.out.startswith("Inhaled medicines open")
    assert server.bodies("chat")[-1]["messages"][0] == {"role": "system", "content": "Be brief."}
    assert (
        server.bodies("chat")[-1]["messages"][1]["content"]
        == "Medical question: How is asthma treated?"
    )
    talked = call("chat", "runs/try")
    assert talked.code == 0
    assert str(medtune.load("runs/try").ask("What about gout in general?").text).startswith(
        "Crystals of uric acid settle"
    )


def test_the_loss_curve_is_in_order_of_steps(done, work):
    with open(work / "runs/try/train/loss.csv", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [int(row["Step"]) for row in rows] == list(range(1, 13))
    assert (rows[3]["Loss"], rows[3]["Validation loss"], rows[4]["Validation loss"]) == (
        "1.0",
        "1.25",
        "",
    )


def test_a_result_file_in_base64_gives_the_same_curve(call, work, server):
    server.base64_results = True
    assert call("train", "try.yaml", "--yes").code == 0
    rows = [
        line.split(",")[0] for line in (work / "runs/try/train/loss.csv").read_text().splitlines()
    ]
    assert rows == ["Step", *map(str, range(1, 13))]


def test_more_tasks_ask_only_what_was_not_asked(done, call, work, server):
    sent = server.count("chat")
    ended = call("run", "try.yaml", "--yes", "--set", "evaluate.limit=5")
    assert ended.code == 0, ended.err
    assert (
        server.count("chat") - sent <= 2 * 5
    )  # one or more new items, before and after; the topics not again
    assert len(server.jobs) == 1
    bodies = [json.dumps(body, sort_keys=True) for body in server.bodies("chat")]
    assert len(bodies) == len(set(bodies))


def test_one_model_measured_alone_keeps_its_answers_where_it_is_told(done, call, server):
    arguments = [
        "evaluate",
        "try.yaml",
        "--model",
        "runs/try",
        "--out",
        "alone",
        "--json",
        "--quiet",
    ]
    first = call(*arguments)
    assert first.code == 0, first.err
    sent = len(server.requests)
    assert call(*arguments).out == first.out
    assert len(server.requests) == sent
    refused = call("evaluate", "try.yaml", "--task", "perplexity")
    assert (refused.code, "perplexity needs likelihoods" in refused.err) == (2, True)


def test_any_served_model_is_measured_by_its_name_and_address_and_nothing_is_paid_twice(
    call, work, server, monkeypatch
):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    arguments = [
        "evaluate",
        "quickstart",
        "--model",
        BASE,
        "--endpoint",
        server.url,
        "--task",
        "answers",
    ]
    arguments += ["--set", "evaluate.limit=3", "--json"]
    first = call(*arguments)
    assert first.code == 0, first.err
    assert json.loads(first.out)["answers"]["rouge_l"]["n"] == 3
    (kept,) = (work / "runs/evaluations").iterdir()
    assert "the prompts of 3 items are sent" in first.err.replace("\n", " ")
    assert f"kept in runs/evaluations/{kept.name}" in first.err.replace("\n", " ")
    sent = len(server.requests)
    assert call(*arguments).out == first.out
    assert len(server.requests) == sent
    for missing in (["--endpoint", server.url], ["--model", BASE, "--echo", "chatml"]):
        refused = call("evaluate", "quickstart", *missing, "--task", "answers")
        assert (refused.code, "needs its name and its address" in refused.err) == (2, True)
    wrong = call(
        "evaluate", "quickstart", "--model", BASE, "--endpoint", server.url, "--echo", "nonsense"
    )
    assert (wrong.code, "--echo: there is no chat template nonsense" in wrong.err) == (2, True)


def test_a_tuned_model_is_no_base_for_training_here(done, call):
    refused = call("run", "quickstart", "--set", "model.name=runs/try")
    assert (refused.code, "cannot be trained here" in refused.err) == (2, True)


# Before anything is sent


def test_dry_run_shows_tokens_and_cost_and_sends_nothing(call, work, server, monkeypatch):
    monkeypatch.delenv("TEST_KEY")
    text = call("run", "try.yaml", "--dry-run").out
    facts = json.loads(call("run", "try.yaml", "--dry-run", "--json", "--quiet").out)
    assert facts["tokens"] == facts["tokens_of_one_pass"] * 2
    assert facts["estimated_cost_usd"] == pytest.approx(facts["tokens"] * 8 / 1e6)
    assert f"{facts['tokens_of_one_pass']:,} × 2 passes = {facts['tokens']:,}" in text
    assert "Nothing was written, nothing was sent." in text
    assert (
        "OVER" in call("run", "try.yaml", "--dry-run", "--set", "train.hosted.budget_usd=0.001").out
    )
    assert not server.requests
    assert not (work / "runs").exists()


def test_stages_that_send_nothing_work_without_a_key(call, server, monkeypatch):
    monkeypatch.delenv("TEST_KEY")
    prepared = call("prepare", "try.yaml", "--json", "--quiet")
    assert prepared.code == 0, prepared.err
    assert json.loads(prepared.out)["tokens"]["max_length"] == 16_385
    assert call("data", "export", "try.yaml", "--to", "openai", "--out", "lines").code == 0
    shown = call("inspect", "try.yaml")
    assert (shown.code, "runs behind an endpoint" in shown.err) == (2, True)
    assert not server.requests


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["train.hosted.budget_usd=0.001"], "more than the budget of $0.00: nothing was sent"),
        (
            ["train.hosted.budget_usd=5", "train.hosted.usd_per_million_tokens=0"],
            "cannot be kept without a price",
        ),
        (["evaluate.tasks=[answers,perplexity]"], "perplexity needs likelihoods"),
        (["model.endpoint.api_key_env=NOT_SET_HERE"], "NOT_SET_HERE holds no key"),
        (["data.limit=12"], "fewer than 10"),
    ],
)
def test_what_stops_a_run_stops_it_before_anything_is_sent(call, server, overrides, said):
    ended = call(
        "run",
        "try.yaml",
        "--yes",
        *(word for override in overrides for word in ("--set", override)),
    )
    assert (ended.code, said in ended.err) == (2, True), ended.err
    assert not server.requests


def test_without_a_terminal_nobody_is_asked_and_nothing_is_sent(call, server):
    ended = call("run", "try.yaml")
    assert ended.code == 2
    assert "give --yes" in ended.err
    assert "cost      training: $" in ended.err
    assert not server.requests


def test_at_a_terminal_no_means_no_and_yes_is_asked_once(call, work, server):
    no = call("train", "try.yaml", typed="n\n")
    assert (no.code, "Send it? [y/N]" in no.err, "nothing was sent" in no.err) == (1, True, True)
    assert not server.requests
    yes = call("train", "try.yaml", typed="y\n")
    assert yes.code == 0, yes.err
    assert "cost      training: $" in yes.err
    assert state_of(work)["agreed"]


def test_settings_of_local_training_are_said_to_be_unused(call, server):
    ended = call("train", "try.yaml", "--yes", "--set", "train.epochs=7")
    assert "not used by a hosted job (see train.hosted): train.epochs" in ended.err


def test_identifiers_that_would_be_sent_are_said(call, work, questions_csv):
    lines = questions_csv.read_text().splitlines()
    lines[1] = lines[1].replace(
        "Note 0.", "Call the patient John Smith at 555-123-4567. MRN: 1234567."
    )
    questions_csv.write_text("\n".join(lines) + "\n")
    assert "WOULD BE SENT" in call("run", "try.yaml", "--dry-run").out


def test_a_wrong_key_ends_it_with_its_variable_s_name(call, server, monkeypatch):
    monkeypatch.setenv("TEST_KEY", "sk-wrong-and-secret")
    ended = call("run", "try.yaml", "--yes", "--verbose")
    assert ended.code == 2
    assert "does not accept the key in TEST_KEY" in ended.err
    assert "sk-wrong" not in ended.err


# Interruptions


def test_ctrl_c_leaves_the_job_running_and_the_same_command_goes_on_watching(call, work, server):
    server.fail(WATCHING, 0, act=interrupt, skip=4)
    stopped = call("run", "try.yaml", "--yes")
    assert stopped.code == 130
    assert "To go on watching: medtune run runs/try" in stopped.err
    assert "medtune train runs/try --cancel" in stopped.err
    assert json.loads((work / "runs/try/run.json").read_text())["status"] == "interrupted"
    goes_on = call("run", "runs/try")  # no --yes: it was agreed to
    assert goes_on.code == 0, goes_on.err
    assert server.count(TRAINING) == len(server.jobs) == 1
    assert server.count("POST /files") == 2
    rows = read_json_lines(work / "runs/try/train/metrics.jsonl")
    assert [row["step"] for row in rows] == list(range(1, 13))


def test_an_interrupted_evaluation_goes_on_where_it_stopped(call, work, server):
    server.fail("chat", 0, act=interrupt, skip=2)
    assert call("run", "try.yaml", "--yes", "--set", "model.endpoint.concurrency=1").code == 130
    kept = read_json_lines(work / "runs/try/eval/answers-of-service.jsonl")
    assert len(kept) >= 2
    assert call("run", "try.yaml").code == 0
    base = [body for body in server.bodies("chat") if body["model"] == BASE]
    asked = 4 + 2  # items of answers, and a topic greedily and sampled
    assert len(base) - asked in (0, 1)  # the one under way when it stopped may be asked twice
    assert {
        row["output"]
        for row in read_json_lines(work / "runs/try/eval/before/answers.samples.jsonl")
    } == {IGNORANT}


def test_killed_between_creation_and_note_the_job_is_found_not_made_again(call, work, server):
    process = None
    server.fail(TRAINING, 0, after=True, act=lambda: process.kill())
    process = StartedCommand("train", "try.yaml", "--yes", cwd=work)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert state_of(work)["job"] is None
    ended = call("train", "try.yaml")
    assert ended.code == 0, ended.err
    assert "no second one" in ended.err
    assert server.count(TRAINING) == len(server.jobs) == 1


# Jobs that come to nothing


def test_a_failed_job_says_what_the_service_says_and_the_next_one_is_asked_about(
    call, work, server
):
    server.statuses = ("validating_files", "failed")
    server.failure = {
        "code": "invalid_n_examples",
        "message": "too few examples",
        "param": "training_file",
    }
    failed = call("run", "try.yaml", "--yes")
    assert failed.code == 1
    assert "failed (invalid_n_examples: too few examples)" in failed.err
    assert "training_file" in failed.err
    server.statuses = ("running", "succeeded")
    assert call("run", "try.yaml").code == 2  # a further job needs a further word
    assert len(server.jobs) == 1
    assert call("run", "try.yaml", "--yes").code == 0
    assert len(server.jobs) == 2
    assert state_of(work)["ended"] == ["ftjob-3"]


def test_a_vanished_job_is_said_and_the_next_one_is_asked_about(call, work, server):
    server.fail(WATCHING, 0, act=server.jobs.clear, skip=2)
    gone = call("train", "try.yaml", "--yes")
    assert gone.code == 1
    assert "no longer knows job ftjob-3" in gone.err
    assert call("train", "try.yaml").code == 2
    assert call("train", "try.yaml", "--yes").code == 0
    assert server.count(TRAINING) == 2


def test_cancel_ends_a_job_that_is_watched_no_longer(call, work, server):
    server.fail(WATCHING, 0, act=interrupt, skip=2)
    assert call("train", "try.yaml", "--yes").code == 130
    cancelled = call("train", "runs/try", "--cancel", "--json")
    assert json.loads(cancelled.out) == {"job": "ftjob-3", "status": "cancelled"}
    assert server.jobs["ftjob-3"]["status"] == "cancelled"
    again = call("train", "runs/try", "--cancel")
    assert (again.code, "no job of this run to cancel" in again.err) == (2, True)
    assert call("train", "runs/try").code == 2  # a further job needs a further word


def test_cancel_while_another_watches_ends_the_watch(call, server):
    server.statuses = ("running",) * 50

    def cancel():
        server.jobs["ftjob-3"]["status"] = "cancelled"

    server.fail(WATCHING, 0, act=cancel, skip=3)
    ended = call("train", "try.yaml", "--yes")
    assert (ended.code, "job ftjob-3 cancelled" in ended.err) == (1, True)


def test_cancel_without_a_job(call, server):
    ended = call("train", "try.yaml", "--cancel")
    assert (ended.code, "there is no job of this run" in ended.err) == (2, True)


def test_other_settings_leave_a_running_job_behind_and_say_so(call, server):
    server.fail(WATCHING, 0, act=interrupt, skip=2)
    assert call("train", "try.yaml", "--yes").code == 130
    changed = call("train", "try.yaml", "--yes", "--set", "train.hosted.n_epochs=3")
    assert changed.code == 0, changed.err
    assert "job ftjob-3 of before goes on at" in changed.err
    assert len(server.jobs) == 2


def test_settings_of_the_watch_make_no_second_job(call, server):
    server.fail(WATCHING, 0, act=interrupt, skip=2)
    assert call("train", "try.yaml", "--yes").code == 130
    more = ["--set", "train.hosted.poll_seconds=0.02", "--set", "train.hosted.budget_usd=90"]
    assert call("train", "try.yaml", *more, "--set", "model.endpoint.timeout=30").code == 0
    assert len(server.jobs) == 1

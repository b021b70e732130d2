"""The parts of hosted training: files, one job and never two, watching, results.

Over real HTTP, with faults.
"""

import base64
import json
import time
from types import SimpleNamespace

import pytest

from hosting import BASE, KEY, running
from medtune.conversation import Conversation, Message, write_conversations
from medtune.errors import DataError, ModelError, RecipeError, RunError
from medtune.hosted.job import (
    MARK,
    JobState,
    Service,
    cancel,
    create_once,
    find_job,
    newest_first,
    read_state,
    state_for,
    upload,
)
from medtune.hosted.request import write_job_request
from medtune.hosted.watch import (
    JobGoneError,
    fetch_rows,
    follow,
    metrics_row,
    parse_result,
    stats_of,
    watch,
)
from medtune.recipe.schema import Endpoint, Recipe

pytestmark = pytest.mark.usefixtures("key")


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv("TEST_KEY", KEY)


@pytest.fixture
def server():
    with running() as server:
        yield server


def recipe_for(url="http://127.0.0.1:1/v1", *, retries=1, prompt=None, data=None, **hosted):
    endpoint = {"base_url": url, "api_key_env": "TEST_KEY", "max_retries": retries}
    return Recipe.model_validate(
        {
            "name": "try",
            "data": {"source": "none.csv", **(data or {})},
            "model": {"name": BASE, "endpoint": endpoint, "prompt": prompt},
            "train": {"method": "hosted", "hosted": {"poll_seconds": 0.01, **hosted}},
            "evaluate": {"tasks": ["answers"]},
        }
    )


def conversation(number, answer="It is a disease of the joints."):
    messages = (
        Message("user", f"What is gout, for the {number}th time?"),
        Message("assistant", answer),
    )
    return Conversation(f"row-{number}", f"group-{number}", "test", messages)


@pytest.fixture
def splits(tmp_path):
    """A directory of twelve training and three validation rows."""
    write_conversations(tmp_path / "train.parquet", [conversation(n) for n in range(12)])
    write_conversations(tmp_path / "validation.parquet", [conversation(n) for n in range(20, 23)])
    return tmp_path


@pytest.fixture
def job(server, splits):
    """All that a job needs: service, offer, state and its file."""
    recipe = recipe_for(server.url)
    request = write_job_request(recipe, splits, splits / "sent")
    state = state_for(splits / "hosted.json", request.identity, server.url)
    return SimpleNamespace(
        service=Service.open(recipe.model.endpoint),
        request=request,
        state=state,
        path=splits / "hosted.json",
    )


def start(job):
    upload(job.service, job.request, job.state, job.path)
    create_once(job.service, job.request, job.state, job.path)


# Files


def test_lines_tokens_and_cost_by_hand(splits):
    request = write_job_request(
        recipe_for(n_epochs=2, usd_per_million_tokens=8.0, prompt="Q: {question}"),
        splits,
        splits / "s",
    )
    lines = [json.loads(line) for line in (splits / "s" / "train.jsonl").read_text().splitlines()]
    assert lines[3]["messages"][0] == {
        "role": "user",
        "content": "Q: What is gout, for the 3th time?",
    }
    assert request.reports["train"].examples == 12
    assert request.epochs == 2
    assert request.cost == pytest.approx(request.tokens * 2 * 8 / 1e6)
    assert request.learnt_tokens == 12 * 8  # It| is| a| disease| of| the| joints|.
    assert request.parameters["method"]["supervised"]["hyperparameters"]["n_epochs"] == 2


def test_no_validation_rows_no_validation_file(splits):
    write_conversations(splits / "validation.parquet", [])
    request = write_job_request(recipe_for(), splits, splits / "s")
    assert set(request.files) == {"train"}
    assert not (splits / "s" / "validation.jsonl").exists()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([conversation(n) for n in range(9)], "9 examples, fewer than 10"),
        (
            [*(conversation(n) for n in range(11)), conversation(11, " ")],
            r"line 12, messages\[1\].content: is no text",
        ),
    ],
)
def test_lines_that_the_service_would_refuse_stop_here(splits, rows, said):
    write_conversations(splits / "train.parquet", rows)
    with pytest.raises(DataError, match=said):
        write_job_request(recipe_for(), splits, splits / "s")


def test_an_overlong_row_is_said_or_left_out_as_the_recipe_says(splits, capsys):
    rows = [*(conversation(n) for n in range(11)), conversation(11, "gout " * 17_000)]
    write_conversations(splits / "train.parquet", rows)
    kept = write_job_request(recipe_for(), splits, splits / "a")
    assert "1 × over limit" in capsys.readouterr().err
    assert (kept.reports["train"].examples, kept.reports["train"].tokens.billed < 17_000) == (
        12,
        True,
    )
    dropped = write_job_request(recipe_for(data={"overlong": "drop"}), splits, splits / "b")
    assert dropped.reports["train"].examples == 11


def test_the_same_bytes_and_parameters_are_the_same_job_and_others_are_not(splits):
    first = write_job_request(recipe_for(), splits, splits / "a").identity
    assert (
        write_job_request(recipe_for(poll_seconds=5, budget_usd=3), splits, splits / "b").identity
        == first
    )
    assert write_job_request(recipe_for(n_epochs=2), splits, splits / "c").identity != first
    assert (
        write_job_request(recipe_for(prompt="Q: {question}"), splits, splits / "d").identity
        != first
    )


def test_a_suffix_too_long_is_refused_not_cut(splits):
    recipe = recipe_for().model_copy(update={"name": "x" * 65})
    with pytest.raises(RecipeError, match="at most 64"):
        write_job_request(recipe, splits, splits / "s")


# Pages


def pages(items, size, *, ignores_after=False, has_more=True):
    calls = []

    def page(limit, after=None):
        calls.append(after)
        first = 0 if after is None or ignores_after else items.index(after) + 1
        data = [SimpleNamespace(id=item) for item in items[first : first + size]]
        return SimpleNamespace(data=data, has_more=first + size < len(items) if has_more else None)

    return page, calls


def test_all_pages_are_read_and_known_objects_end_it():
    page, calls = pages(list("gfedcba"), 3)
    known = set()
    assert [item.id for item in newest_first(page, known)] == list("gfedcba")
    assert len(calls) == 3
    more, calls = pages(list("ihgfedcba"), 3)
    assert [item.id for item in newest_first(more, known)] == ["i", "h"]
    assert len(calls) == 1


def test_a_list_that_ignores_after_ends():
    page, calls = pages(list("edcba"), 2, ignores_after=True, has_more=False)
    assert [item.id for item in newest_first(page, set())] == ["e", "d"]
    assert len(calls) == 2


# Upload and creation


def test_upload_and_creation_send_what_was_offered(server, job):
    start(job)
    (sent,) = server.bodies("POST /fine_tuning/jobs$")
    assert sent["metadata"] == {MARK: job.request.identity}
    assert (sent["training_file"], sent["validation_file"]) == (
        job.state.files["train"],
        job.state.files["validation"],
    )
    assert server.contents[sent["training_file"]] == job.request.files["train"].read_bytes()
    assert sent["method"] == {
        "type": "supervised",
        "supervised": {
            "hyperparameters": {
                "n_epochs": "auto",
                "batch_size": "auto",
                "learning_rate_multiplier": "auto",
            }
        },
    }
    assert read_state(job.path).job == job.state.job == "ftjob-3"


def test_a_file_that_was_sent_is_not_sent_again(server, job):
    upload(job.service, job.request, job.state, job.path)
    upload(
        job.service, job.request, state_for(job.path, job.request.identity, server.url), job.path
    )
    assert server.count("POST /files") == 2


def test_a_refused_file_is_a_clear_error(server, job):
    body = {
        "error": {
            "message": "line 1 is not JSON",
            "type": "i",
            "param": "file",
            "code": "invalid_file",
        }
    }
    server.fail("POST /files", 400, body=body)
    with pytest.raises(ModelError, match="file: line 1 is not JSON"):
        start(job)


def test_a_job_made_before_its_answer_was_lost_is_found_not_made_again(server, job):
    server.fail("POST /fine_tuning/jobs$", drop=True, after=True)
    start(job)
    assert len(server.jobs) == 1
    assert job.state.job == next(iter(server.jobs))


def test_a_job_made_in_spite_of_an_error_is_found(server, job):
    server.fail("POST /fine_tuning/jobs$", 500, after=True)
    start(job)
    assert server.count("POST /fine_tuning/jobs$") == len(server.jobs) == 1


@pytest.mark.parametrize("body", [{"id": "ftjob-x", "object": "fine_tuning.job"}, "made", [1]])
def test_a_job_whose_answer_is_malformed_is_found_in_the_list(server, job, body):
    server.fail("POST /fine_tuning/jobs$", 200, body=body, after=True)
    start(job)
    assert job.state.job == next(iter(server.jobs))
    assert server.count("POST /fine_tuning/jobs$") == len(server.jobs) == 1


def test_a_malformed_answer_without_a_job_is_an_error(server, job):
    server.fail("POST /fine_tuning/jobs$", 200, body={"id": "ftjob-x"})
    with pytest.raises(ModelError, match="not of the OpenAI form"):
        start(job)
    assert (job.state.job, len(server.jobs)) == (None, 0)


def test_a_refusal_that_passes_is_asked_again_after_the_pause_that_is_asked_for(server, job):
    server.fail("POST /fine_tuning/jobs$", 429, headers={"Retry-After": "0.3"})
    started = time.monotonic()
    start(job)
    assert time.monotonic() - started >= 0.3
    assert (server.count("POST /fine_tuning/jobs$"), len(server.jobs)) == (2, 1)


def test_whether_a_job_was_made_may_stay_open_and_then_nothing_is_made(server, job):
    server.fail("POST /fine_tuning/jobs$", drop=True)
    with pytest.raises(RunError, match="lists none yet"):
        start(job)
    assert server.count("POST /fine_tuning/jobs$") == 1
    create_once(job.service, job.request, job.state, job.path)
    assert len(server.jobs) == 1


def test_lasting_errors_end_it(server, job):
    server.fail("POST /fine_tuning/jobs$", 503, times=9)
    with pytest.raises(RunError, match="still answers 503"):
        start(job)
    assert server.count("POST /fine_tuning/jobs$") == 2


def test_a_lost_state_finds_the_job_by_its_mark(server, job):
    start(job)
    made = job.state.job
    fresh = JobState(job.request.identity, server.url)
    create_once(job.service, job.request, fresh, job.path)
    assert (fresh.job, len(server.jobs)) == (made, 1)


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_job_that_came_to_nothing_is_no_reason_not_to_make_one(server, job, status):
    start(job)
    server.jobs[job.state.job]["status"] = status
    assert find_job(job.service, job.request.identity) is None


def test_the_mark_is_found_on_a_later_page(server, job):
    start(job)
    other = server.jobs[job.state.job] | {"metadata": None}
    server.jobs |= {f"ftjob-other-{n}": other | {"id": f"ftjob-other-{n}"} for n in range(12)}
    assert find_job(job.service, job.request.identity).id == job.state.job


def test_a_file_gone_from_the_service_is_sent_anew_the_next_time(server, job):
    upload(job.service, job.request, job.state, job.path)
    server.files.clear()
    with pytest.raises(ModelError, match="training_file"):
        create_once(job.service, job.request, job.state, job.path)
    start(job)
    assert len(server.jobs) == 1


def test_a_base_that_cannot_be_tuned(server, job):
    server.fail("POST /fine_tuning/jobs$", 404)
    with pytest.raises(ModelError, match=f"no model {BASE} to fine-tune"):
        start(job)


def test_cancel_and_cancel_again(server, job):
    start(job)
    assert cancel(job.service, job.state.job) == "cancelled"
    with pytest.raises(ModelError, match="already completed"):
        cancel(job.service, job.state.job)


# Watching


def test_events_become_rows_in_order_of_steps_whatever_the_pages(server, job):
    start(job)
    ended, rows = follow(job.service, job.state.job, 0.01, job.path.with_name("metrics.jsonl"))
    assert ended.status == "succeeded"
    assert [row["step"] for row in rows] == list(range(1, 13))
    assert rows[0] == {"step": 1, "loss": 2.0}
    assert rows[3] == {"step": 4, "loss": 1.0, "validation_loss": 1.25}
    logged = [
        json.loads(line) for line in job.path.with_name("metrics.jsonl").read_text().splitlines()
    ]
    assert logged == rows
    identities = [e["id"] for e in server.events[job.state.job]]
    assert len(identities) == len(set(identities)) == 12


def test_every_event_is_seen_once(server, job):
    start(job)
    seen = [event.id for _, events in watch(job.service, job.state.job, 0.01) for event in events]
    assert seen == [event["id"] for event in server.events[job.state.job]]


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 429}, {"drop": True}])
def test_a_passing_fault_does_not_end_the_watch(server, job, fault):
    start(job)
    server.fail(f"GET /fine_tuning/jobs/{job.state.job}", **fault)
    ended, _ = follow(job.service, job.state.job, 0.01, job.path.with_name("m.jsonl"))
    assert ended.status == "succeeded"


def test_a_list_of_events_that_ignores_after_does_not_hang(server, job):
    start(job)
    server.ignores_after = True
    ended, rows = follow(job.service, job.state.job, 0.01, job.path.with_name("m.jsonl"))
    assert ended.status == "succeeded"
    assert len(rows) >= server.page_size


def test_a_job_that_vanishes(server, job):
    start(job)
    server.jobs.clear()
    with pytest.raises(JobGoneError, match="no longer knows job"):
        list(watch(job.service, job.state.job, 0.01))


def test_wrong_fields_of_a_job_are_named(server, job):
    start(job)
    del server.jobs[job.state.job]["training_file"]
    with pytest.raises(ModelError, match="training_file"):
        list(watch(job.service, job.state.job, 0.01))


@pytest.mark.parametrize(
    ("values", "row"),
    [
        ({"step": 3, "train_loss": 0.5}, {"step": 3, "loss": 0.5}),
        ({"step": "3", "train_loss": "0.5", "valid_loss": ""}, {"step": 3, "loss": 0.5}),
        ({"step": 3, "train_loss": "nan"}, None),
        ({"step": 3, "full_valid_loss": 0.7}, {"step": 3, "validation_loss": 0.7}),
        ({"train_loss": 0.5}, None),
        ({}, None),
    ],
)
def test_rows_of_figures(values, row):
    assert metrics_row(values) == row


# Results

CSV = (
    b"step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n"
    b"2,0.5,0.9,0.6,0.8\n1,1.0,0.5,,\n"
)
ROWS = [
    {"step": 1, "loss": 1.0, "token_accuracy": 0.5},
    {
        "step": 2,
        "loss": 0.5,
        "validation_loss": 0.6,
        "token_accuracy": 0.9,
        "validation_token_accuracy": 0.8,
    },
]


@pytest.mark.parametrize(
    "raw", [CSV, base64.b64encode(CSV), base64.encodebytes(CSV), b"\xef\xbb\xbf" + CSV]
)
def test_a_result_file_plain_or_in_base64_in_order_of_steps(raw):
    assert parse_result(raw) == ROWS


@pytest.mark.parametrize("raw", [b"", b"<html>", b"a,b\n1,2\n", b"\xff\xfe\x00"])
def test_a_result_file_of_another_kind_is_refused(raw):
    with pytest.raises(ValueError, match="neither CSV"):
        parse_result(raw)


@pytest.mark.parametrize("with_file", [True, False])
def test_without_a_readable_result_file_the_events_are_the_curve_and_it_is_said(
    server, job, capsys, with_file
):
    start(job)
    server.with_result_file = with_file
    ended, rows = follow(job.service, job.state.job, 0.01, job.path.with_name("m.jsonl"))
    server.contents = dict.fromkeys(server.contents, b"spoilt")
    assert fetch_rows(job.service, ended, rows) == rows
    assert "the loss curve is that of the events" in capsys.readouterr().err


def test_figures_under_the_names_of_local_training(server, job):
    start(job)
    ended, rows = follow(job.service, job.state.job, 0.01, job.path.with_name("m.jsonl"))
    stats = stats_of(ended, rows, job.request, 8.0)
    assert (stats["steps"], stats["tokens"], stats["seconds"]) == (12, 4321, 95.0)
    assert stats["tokens_per_second"] == pytest.approx(4321 / 95)
    assert stats["cost_usd"] == pytest.approx(4321 * 8 / 1e6)
    assert stats["best_validation_loss"] == pytest.approx(0.7217)
    ended.trained_tokens = None
    assert (
        stats_of(ended, rows, job.request, 8.0)["tokens"] == job.request.tokens * job.request.epochs
    )


# State


def test_the_state_comes_back_and_another_job_s_is_left_behind(tmp_path):
    path = tmp_path / "hosted.json"
    JobState("a", "http://x/v1", True, {"train": "file-1"}, "ftjob-1", "running").save(path)
    assert state_for(path, "a", "http://x/v1").job == "ftjob-1"
    assert state_for(path, "b", "http://x/v1").job is None
    assert state_for(path, "a", "http://y/v1").job is None
    assert KEY not in path.read_text()


def test_an_ended_job_needs_a_new_word():
    state = JobState("a", "u", True, {}, "ftjob-1", "failed")
    assert state.is_alive
    state.end()
    assert (state.is_alive, state.agreed, state.ended) == (False, False, ["ftjob-1"])


def test_an_endpoint_s_settings_hold_the_name_of_the_key_only():
    assert KEY not in Endpoint(base_url="http://x", api_key_env="TEST_KEY").model_dump_json()

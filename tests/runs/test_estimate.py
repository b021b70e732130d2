"""`--dry-run`: what a run takes, foreseen from counts and short measurements."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from medtune.conversation import Message
from medtune.models.interface import DecodingSettings
from medtune.runs.estimated_times import (
    MachineLoad,
    TrainingWork,
    WorkCounts,
    estimated_times,
    widening,
)
from medtune.runs.measured_speed import AnswerWork, MeasuredSpeed, TaskSpeed
from medtune.runs.step_times import (
    AnswerTimes,
    TrainingTimes,
    answer_times,
    call_sizes,
    spread,
    total_seconds,
    training_times,
)
from medtune.runs.workload import ForeseenJob, ModelCall, TaskWorkload

IDLE = MachineLoad(cores=2, used_by_others=0, busy=False)


class FakeClock:
    """A clock that work moves on."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def work(self, seconds):
        self.now += seconds


def workload(label="answers", **sides):
    return TaskWorkload(ForeseenJob(None, label, **sides), items=100, calls=[])


def counts(*tasks, **changes):
    settings = {
        "training": TrainingWork(steps=10, tokens=1000, validated_tokens=200),
        "repeated_trainings": 0.0,
        "repeated_evaluations": 0,
        "repeated_task": None,
        "reference_tokens": (11.0, 21.0),
    }
    return WorkCounts(tasks=tasks, **settings | changes)


SPEED = MeasuredSpeed(
    load=1.0,
    tasks=[TaskSpeed(5.0, 2.0, [AnswerWork(4, 41, AnswerTimes(prompt=3.0, token=0.5))])],
    training=TrainingTimes(token=0.02, validation_token=0.01, step=0.3),
    picture=0.25,
)


def test_each_stage_is_its_counts_times_what_one_takes():
    times = estimated_times(counts(workload()), SPEED, 7.0, IDLE, measured=True)
    likely = {stage.stage: stage.seconds.likely for stage in times["stages"]}
    assert likely == pytest.approx(
        {
            "prepare": 7.0,
            "before": 1 + 5 + 2 + 4 * (3 + 40 * 0.5),  # answers that do not end
            "train": 1 + 1000 * 0.02 + 10 * 0.3 + 200 * 0.01,
            "after": 1 + 5 + 2 + 4 * (3 + 20 * 0.5),  # answers as long as references
            "report": 8 * 0.25 + 3 * 2,
        }
    )
    assert times["seconds"].likely == pytest.approx(sum(likely.values()))
    (task,) = times["tasks"]
    assert task.before.low == pytest.approx(0.7 * (5 + 2 + 4 * (3 + 10 * 0.5)))
    assert task.after.high == pytest.approx(1.4 * (5 + 2 + 4 * (3 + 40 * 0.5)))


def test_further_trainings_are_measured_on_one_task_and_load_the_model_twice():
    repeated = {"repeated_trainings": 1.5, "repeated_evaluations": 2, "repeated_task": "answers"}
    times = estimated_times(counts(workload(), **repeated), SPEED, 7.0, IDLE, measured=True)
    stages = {stage.stage: stage.seconds.likely for stage in times["stages"]}
    assert stages["repeats"] == pytest.approx(1.5 * 25 + 2 * (59 + 2 * 1.0))


def test_an_arm_is_counted_on_its_own_side_and_in_a_stage_of_its_own():
    arm = workload("answers, arm short", before=True, after=False, arm=True)
    speed = MeasuredSpeed(1.0, [TaskSpeed(4.0), TaskSpeed(2.0)], SPEED.training)
    times = estimated_times(counts(workload(), arm), speed, 7.0, IDLE, measured=True)
    stages = {stage.stage: stage.seconds.likely for stage in times["stages"]}
    assert (stages["before"], stages["arms"], stages["after"]) == (5.0, 2.0, 5.0)
    assert times["tasks"][1].after.high == 0


def test_a_busy_machine_and_mere_shapes_make_the_range_wider():
    busy = MachineLoad(cores=2, used_by_others=2, busy=True)
    assert widening(IDLE, measured=True) == (0.7, 1.4)
    assert widening(busy, measured=True) == (0.35, 2.0)
    assert widening(IDLE, measured=False) == (0.3, 3.0)


def test_a_total_is_in_proportion_to_sizes_where_the_limit_ends_the_samples():
    clock, sizes = FakeClock(), [n % 10 + 1 for n in range(1000)]
    done = []

    def work(chosen):
        done.append(len(chosen))
        clock.work(0.01 * sum(chosen))

    seconds = total_seconds(work, sizes, sizes, 2.0, clock)
    assert seconds == pytest.approx(0.01 * sum(sizes))
    assert clock.now <= 2.0
    assert done[-1] > 8  # grown from one
    assert total_seconds(work, [], [], 2.0, clock) == 0


def test_few_requests_are_measured_whole():
    clock = FakeClock()
    assert total_seconds(lambda some: clock.work(len(some)), "abc", [1, 1, 1], 99, clock) == 3


def test_one_request_beyond_the_limit_ends_the_measurement():
    clock = FakeClock()
    assert total_seconds(lambda some: clock.work(50 * len(some)), "abcd", [1] * 4, 2, clock) == 200
    assert clock.now == 50


def test_a_sample_is_spread_over_the_sizes():
    sizes = [9, 1, 5, 3, 7]
    assert [sizes[i] for i in spread(sizes, sizes, 1)] == [5]
    assert sorted(sizes[i] for i in spread(sizes, sizes, 5)) == [1, 3, 5, 7, 9]


def generator(clock, ends=10**9):
    """0.1 s a prompt and 0.02 s a further token of a prompt."""

    def generate(prompts, tokens):
        made = min(tokens, ends)
        clock.work(len(prompts) * (0.1 + 0.02 * (made - 1)))
        return made

    return generate


@pytest.mark.parametrize(("limit", "ends"), [(1000, 10**9), (4, 10**9), (1000, 3)])
def test_answers_are_divided_into_the_prompt_and_each_further_token(limit, ends):
    clock = FakeClock()
    times = answer_times(generator(clock, ends), range(64), [1] * 64, 16, limit, 50, clock)
    assert times.prompt == pytest.approx(1.6)
    assert times.token == pytest.approx(0.32)
    assert times.batch(50) == pytest.approx(1.6 + 49 * 0.32)


def test_answers_of_one_token_have_no_further_ones():
    clock = FakeClock()
    times = answer_times(generator(clock), range(4), [1] * 4, 16, 9, 1, clock)
    assert (times.prompt, times.token) == (pytest.approx(0.4), 0)


def test_training_is_divided_into_tokens_and_optimizer_steps():
    clock = FakeClock()

    def loss(batch):
        clock.work(0.01 * batch.tokens)
        return torch.zeros((), requires_grad=True) * 1.0

    def collect():
        clock.work(0.02 * rows[-1] * 10)

    rows = []

    def batch_of(number, count):
        rows.append(count)
        return SimpleNamespace(tokens=10 * count, supervised=count)

    weights = SimpleNamespace(collect=collect, step=lambda *_, **__: clock.work(0.5))
    trainer = SimpleNamespace(
        model=torch.nn.Linear(1, 1),
        loss=loss,
        weights=weights,
        settings=SimpleNamespace(max_grad_norm=1.0),
        schedule=lambda _: 1.0,
        half=False,
    )
    times = training_times(trainer, batch_of, 8, 20.0, clock)
    assert times.token == pytest.approx(0.03)
    assert times.validation_token == pytest.approx(0.01)
    assert times.step == pytest.approx(0.5)
    assert max(rows) == 8
    rows.clear()
    training_times(trainer, batch_of, 8, 4.0, clock)
    assert max(rows) == 2  # one row takes 0.3 s, and a sixth of the limit is 0.67


def test_the_size_of_a_request_is_what_the_model_reads_of_it():
    question = [Message("user", "x" * 1000)]
    answers = ModelCall("generate", [question], DecodingSettings(5))
    assert call_sizes(answers, 10) == [40]
    assert call_sizes(ModelCall("loglikelihoods", [(question, "yes")]), 1000) == [1003]
    choices = ModelCall("choices_with_ends", [(question, ["a", "bcd"])])
    assert call_sizes(choices, 1000) == [1004]
    assert call_sizes(ModelCall("text_loglikelihoods", ["abc"]), 10) == [3]


def dry_run(medtune, small, *more):
    process = medtune("run", "quickstart", *small, "--dry-run", "--json", *more)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout), process.stderr


def test_a_dry_run_foresees_every_stage_and_task_and_writes_nothing(medtune, small, tmp_path):
    facts, said = dry_run(medtune, small)
    assert "measuring this machine's speed" in said
    assert facts["time_from"] == "measured"
    stages = {stage["stage"]: stage["seconds"] for stage in facts["stages"]}
    assert list(stages) == ["prepare", "before", "train", "after", "report"]
    for seconds in (*stages.values(), facts["seconds"]):
        assert 0 < seconds["low"] < seconds["likely"] < seconds["high"]
    tasks = {task["task"]: task for task in facts["tasks"]}
    assert list(tasks) == ["perplexity", "answers", "topics"]
    assert tasks["perplexity"]["likelihoods"] == 2 * 8
    assert (tasks["answers"]["answers"], tasks["answers"]["generated_tokens"]) == (8, 8 * 8)
    assert list(Path(tmp_path).iterdir()) == []


def test_a_model_too_large_to_load_is_estimated_from_its_shapes(
    medtune, small, tmp_path, monkeypatch
):
    monkeypatch.setattr("medtune.runs.estimate.LOADED_HERE", 1)
    facts, said = dry_run(medtune, small)
    assert facts["time_from"] == "shapes"
    assert "too large" in said
    assert facts["seconds"]["high"] > 4 * facts["seconds"]["low"]
    assert list(Path(tmp_path).iterdir()) == []

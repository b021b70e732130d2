"""SIGINT and SIGTERM in training: the step is finished and saved, and a resumed training ends with
the same bits.
"""

import signal
import threading

import pytest
import torch
from tiny_training import trainer, weights

from medtune.errors import Stopped
from medtune.training import callbacks, stop_signals
from medtune.training.callbacks import Callback, SaveCheckpoints, read_metrics
from medtune.training.checkpoints import latest_checkpoint
from medtune.training.distributed import Processes
from medtune.training.stop_signals import StopSignals

# Eight steps of two forward passes, a validation after every second one, no checkpoint by steps.
OPTIONS = {
    "gradient_accumulation": 2,
    "batch_size": 2,
    "validate_every": 2,
    "save_every": 1000,
    "learning_rate": 5e-3,
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """That training, uninterrupted."""
    place = tmp_path_factory.mktemp("whole")
    made = trainer(place, **OPTIONS)
    made.run()
    return made, place


def raising_in(loop, method, call, number):
    """``loop``, which gets the signal ``number`` in the ``call``-th call of one of its methods."""
    original, calls = getattr(loop, method), []

    def called(*arguments):
        calls.append(method)
        if len(calls) == call:
            signal.raise_signal(number)
        return original(*arguments)

    setattr(loop, method, called)
    return loop


def lines(place):
    kept = ("step", "loss", "gradient_norm", "learning_rate", "validation_loss", "tokens")
    return [
        {key: row[key] for key in kept if key in row}
        for row in read_metrics(place / "metrics.jsonl")
    ]


def assert_goes_on(place, whole):
    again = trainer(place, **OPTIONS)
    result = again.run()
    assert torch.equal(weights(again.model), weights(whole[0].model))
    assert lines(place) == lines(whole[1])
    assert result.best_step == whole[0].result().best_step
    assert result.steps == 8


# Forward passes are counted with those of validation, two each.
@pytest.mark.parametrize(
    ("method", "call", "step"),
    [
        ("loss", 1, 1),  # in the first pass of the first step
        ("step", 4, 4),
        ("loss", 5, 2),  # in a validation, which is given up
        ("loss", 23, 8),  # in that after the last step
        ("log_row", 3, 4),  # after a step: the next one is done
    ],
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_step_is_finished_and_saved_and_training_goes_on(
    whole, tmp_path, method, call, step, number
):
    handlers = [signal.getsignal(each) for each in stop_signals.NUMBERS]
    first = raising_in(trainer(tmp_path, **OPTIONS), method, call, number)
    with pytest.raises(Stopped) as stopped:
        first.run()
    assert stopped.value.code == 128 + number
    assert stopped.value.kept == f"training, step {step} of 8 is saved"
    assert latest_checkpoint(tmp_path / "checkpoints", "f").step == step
    assert list(tmp_path.rglob(".partial*")) == []
    assert [signal.getsignal(each) for each in stop_signals.NUMBERS] == handlers
    assert_goes_on(tmp_path, whole)


def test_stopped_again_and_again_it_ends_with_the_same_bits(whole, tmp_path):
    for step in range(1, 8):
        first = raising_in(trainer(tmp_path, **OPTIONS), "step", 1, signal.SIGTERM)
        with pytest.raises(Stopped, match=f"step {step} of 8"):
            first.run()
    assert_goes_on(tmp_path, whole)


@pytest.mark.parametrize(
    ("call", "kept"), [(1, "before its first step"), (9, "step 3 of 8 is saved")]
)
def test_a_step_that_takes_too_long_is_given_up_and_what_was_before_is_saved(
    whole, tmp_path, monkeypatch, call, kept
):
    monkeypatch.setattr(stop_signals, "GRACE_SECONDS", -1.0)
    first = raising_in(trainer(tmp_path, **OPTIONS), "loss", call, signal.SIGTERM)
    with pytest.raises(Stopped, match=kept):
        first.run()
    assert_goes_on(tmp_path, whole)


def test_a_second_signal_ends_at_once(tmp_path):
    first = trainer(tmp_path, **OPTIONS)
    for _ in range(2):
        raising_in(first, "loss", 3, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        first.run()
    assert first.state.step == 1


def test_a_signal_after_the_last_step_is_not_lost(tmp_path):
    first = trainer(tmp_path, **OPTIONS)

    class Late(Callback):
        def after_step(self, trainer, result):
            if trainer.finished:
                signal.raise_signal(signal.SIGINT)

    first.callbacks.append(Late())
    with pytest.raises(KeyboardInterrupt):
        first.run()
    assert latest_checkpoint(tmp_path / "checkpoints", "f").step == 8


class TwoProcesses(Processes):
    """This process and another one, which got SIGTERM in its third step."""

    count, main = 2, True
    summed = 0

    def sums(self, values):
        if len(values) == 5:  # of a step; a validation sums two
            self.summed += 1
            return [*values[:3], values[3], values[4] + (self.summed == 3)]
        return list(values)

    def sum_in_place(self, tensors):
        pass

    def wait(self):
        pass


def test_where_another_process_is_asked_to_stop_all_stop_after_the_same_step(whole, tmp_path):
    first = trainer(tmp_path, **OPTIONS)
    first.processes, first.signals = TwoProcesses(), StopSignals(alone=False)
    handlers = [signal.getsignal(each) for each in stop_signals.NUMBERS]
    try:
        with pytest.raises(Stopped, match="terminated in training, step 3 of 8"):
            first.run()
        signal.raise_signal(signal.SIGTERM)  # as a launcher does when the first process has ended
    finally:
        for number, handler in zip(stop_signals.NUMBERS, handlers, strict=True):
            signal.signal(number, handler)
    assert latest_checkpoint(tmp_path / "checkpoints", "f").step == 3


def test_signals_that_are_ignored_stay_ignored_and_other_threads_change_nothing():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with StopSignals(alone=True) as signals:
            signal.raise_signal(signal.SIGINT)
        assert signals.flags() == [0.0, 0.0]
    finally:
        signal.signal(signal.SIGINT, before)
    seen = []

    def work():
        with StopSignals(alone=True):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


class SlowClock:
    """Seconds that pass as told: each look at the clock takes ``step``."""

    def __init__(self, step):
        self.now, self.step = 0.0, step

    def monotonic(self):
        self.now += self.step
        return self.now


# A step looks at the clock twice, a save once more: at 20 s a look, saving takes 20 s.
@pytest.mark.parametrize(("minutes", "saved"), [(1, [2]), (None, []), (10**6, [])])
def test_checkpoints_are_saved_by_time_but_not_most_of_the_time(
    tmp_path, monkeypatch, minutes, saved
):
    monkeypatch.setattr(callbacks, "time", SlowClock(20.0))
    steps = []
    save = staticmethod(lambda trainer: steps.append(trainer.state.step))
    monkeypatch.setattr(SaveCheckpoints, "save", save)
    trainer(tmp_path, **OPTIONS | {"save_minutes": minutes, "keep_best": False}).run()
    assert steps == [*saved, 8]


def test_saving_by_time_changes_no_weight(whole, tmp_path):
    often = trainer(tmp_path, **OPTIONS | {"save_minutes": 1e-9})
    often.run()
    assert torch.equal(weights(often.model), weights(whole[0].model))

"""SIGINT (Ctrl-C) and SIGTERM during training: the step under way is finished and saved first."""

import signal
import threading
import time
from collections.abc import Sequence
from types import FrameType, TracebackType

from medtune.errors import Stopped
from medtune.progress import say

NUMBERS = (signal.SIGINT, signal.SIGTERM)
# A step that takes longer than this after the signal is given up between two of its forward
# passes: whoever asks a process to end kills it after 30 s as a rule (torchrun, Slurm).
GRACE_SECONDS = 15.0


class StopSignals:
    """Within the block, a first SIGINT or SIGTERM is noted, and a second ends the process at once.

    ``alone``: no other process takes part. Otherwise all of them stop after the same step: each
    gives its ``flags`` into a sum over all, and ``agree`` takes the sum. Repeated signals are then
    ignored, for a launcher hands on what the terminal has sent already.

    Outside of the main thread, which alone may handle signals, nothing is changed.
    """

    def __init__(self, *, alone: bool) -> None:
        self.alone, self.number, self._agreed = alone, 0, 0
        self._noted_at, self._told = 0.0, False
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            for number in NUMBERS:
                before = signal.getsignal(number)
                if before not in (signal.SIG_IGN, None):  # as nohup and background jobs ask for
                    self._before[number] = before
                    signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._agreed and not self.alone:
            return  # the first process to end makes the launcher send signals to the others
        self._restore()
        if self.number and kind is None:  # it came after the last step
            signal.raise_signal(self.number)

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        if not self.number:
            self.number, self._noted_at = number, time.monotonic()
        elif self.alone:
            self._restore()
            signal.raise_signal(number)

    def flags(self) -> list[float]:
        """1.0 for each of SIGINT and SIGTERM that this process has received, else 0.0."""
        return [float(self.number == number) for number in NUMBERS]

    def agree(self, sums: Sequence[float]) -> None:
        """Take the ``flags`` of all processes, summed: SIGTERM counts before SIGINT."""
        self._agreed = max(
            (int(number) for number, count in zip(NUMBERS, sums, strict=True) if count), default=0
        )

    def check_after_step(self) -> None:
        """Raises ``Stopped`` where training is to end after the step just done."""
        number = self.number if self.alone else self._agreed
        if number:
            raise Stopped(number)

    def check_in_step(self) -> None:
        """Raises ``Stopped`` where the step takes too long to be finished."""
        if self.alone and self.number:
            if time.monotonic() - self._noted_at > GRACE_SECONDS:
                raise Stopped(self.number)
            if not self._told:
                say("finishing this step, then saving; the same signal again ends at once")
            self._told = True

    def check_in_validation(self) -> None:
        """Raises ``Stopped`` at once: a validation is made again as a whole."""
        if self.alone:
            self.check_after_step()

"""Progress on standard error: a bar with rate and time left on a terminal, plain lines in a pipe.

Standard output is for results.
"""

import contextlib
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

PLAIN_SECONDS = 10.0


@dataclass
class _Settings:
    quiet: bool = False
    verbose: bool = False


_settings = _Settings()


def configure(*, quiet: bool | None = None, verbose: bool | None = None) -> None:
    """Set by the command line; None leaves a setting as it is."""
    _settings.quiet = _settings.quiet if quiet is None else quiet
    _settings.verbose = _settings.verbose if verbose is None else verbose


def is_verbose() -> bool:
    """Whether details and tracebacks are shown (--verbose)."""
    return _settings.verbose


# Control characters but for tab and line feed, and marks that turn the direction of writing.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """A text for a terminal: control characters, which could move the cursor or hide text, stand
    as escapes.
    """
    return _CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def say(text: str) -> None:
    """Print one line to standard error, unless quiet."""
    if not _settings.quiet:
        print(printable(text), file=sys.stderr, flush=True)


def detail(text: str) -> None:
    """Print one line to standard error with ``--verbose``."""
    if _settings.verbose:
        say(text)


def duration(seconds: float) -> str:
    """Seconds for people: 8 s, 3 min 20 s, 1 h 05 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


@dataclass
class Bar:
    """Progress of one piece of work; ``note`` is a short text such as the current loss.

    Total 0: it is not known.
    """

    title: str
    total: float
    unit: str
    done: float = 0
    note: str = ""
    started: float = field(default_factory=time.monotonic)
    skipped: float = 0
    _last: float = 0.0
    _rich: Any = None
    _task: Any = None

    def advance(self, amount: float = 1, note: str | None = None) -> None:
        """Count ``amount`` units as done."""
        self.done += amount
        self.note = self.note if note is None else note
        if self._rich is not None:
            self._rich.update(self._task, completed=self.done, note=self._status())
        elif time.monotonic() - self._last >= PLAIN_SECONDS and not _settings.quiet:
            self._print_plain()

    def skip(self, amount: float) -> None:
        """Units that an earlier run had done: shown as done, left out of the rate."""
        self.skipped += amount
        self.advance(amount)

    def _rate(self) -> float:
        return (self.done - self.skipped) / max(1e-9, time.monotonic() - self.started)

    def _status(self) -> str:
        rate = self._rate()
        speed = f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"
        if not self.total:
            return f"{self.done:,.0f} {self.unit}, {speed} {self.unit}/s" + (
                f", {self.note}" if self.note else ""
            )
        left = duration((self.total - self.done) / rate) if rate > 0 else "?"
        return f"{speed} {self.unit}/s, {left} left" + (f", {self.note}" if self.note else "")

    def _print_plain(self) -> None:
        self._last = time.monotonic()
        share = f"{self.done / self.total:4.0%}, " if self.total else ""
        say(f"{self.title}: {share}{self._status()}")

    def finish(self) -> None:
        """Say in one line what was done and how long it took."""
        seconds = time.monotonic() - self.started
        note = f", {self.note}" if self.note else ""
        say(f"{self.title}: {self.done:,.0f} {self.unit} in {duration(seconds)}{note}")


@contextlib.contextmanager
def track(title: str, total: float, unit: str) -> Iterator[Bar]:
    """Show the progress of a block of ``total`` units.

    The block calls ``advance`` on the bar it is given.
    """
    bar = Bar(title, total, unit)
    if _settings.quiet or not sys.stderr.isatty():
        bar._last = time.monotonic()
        yield bar
        bar.finish()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=18),
        TaskProgressColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as display:
        task = display.add_task(printable(title), total=bar.total or None, note="")
        bar._rich, bar._task = display, task
        yield bar
    bar._rich = None
    bar.finish()


@contextlib.contextmanager
def without_progress() -> Iterator[None]:
    """Nothing is shown during the block."""
    before, _settings.quiet = _settings.quiet, True
    try:
        yield
    finally:
        _settings.quiet = before

"""A function over chunks of rows, on all cores, in order, with only a few chunks in flight."""

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from typing import Any, TypeVar

from medtune.cpu_threads import available_cores
from medtune.progress import say

Chunk = TypeVar("Chunk")
Result = TypeVar("Result")

INLINE = 4  # so few chunks are done before a second process would have started
MOST = 8

_context: Any = None


def _set_context(context: Any) -> None:
    global _context
    _context = context


def _call(function: Callable[[Any, Any], Any], chunk: Any) -> Any:
    return function(_context, chunk)


def ordered_map(
    function: Callable[[Any, Chunk], Result],
    context: Any,
    chunks: Iterable[Chunk],
    processes: int | None = None,
) -> Iterator[Result]:
    """``function(context, chunk)`` of every chunk, in their order.

    Small inputs stay in this process.

    The results do not depend on the number of processes. ``function`` must be importable by its
    name.
    """
    stream = iter(chunks)
    head = list(islice(stream, INLINE + 1))
    workers = min(processes or available_cores(), MOST)
    if len(head) <= INLINE or workers < 2 or multiprocessing.current_process().daemon:
        yield from (function(context, chunk) for chunk in chain(head, stream))
        return
    yield from _pooled(function, context, chain(head, stream), workers)


def _pooled(
    function: Callable[[Any, Chunk], Result], context: Any, chunks: Iterable[Chunk], workers: int
) -> Iterator[Result]:
    """The same over a pool of processes.

    Where no process can start, the work is done in this one.
    """
    # loky starts fresh processes that do not run the caller's script a second time, as the standard
    # pool's would; and unlike forked ones they inherit no threads of torch or Arrow.
    from loky.process_executor import ProcessPoolExecutor

    waiting: deque[tuple[Chunk, Future[Result] | None]] = deque()
    stream = iter(chunks)
    with ProcessPoolExecutor(workers, initializer=_set_context, initargs=(context,)) as pool:
        try:
            for chunk in stream:
                waiting.append(
                    (chunk, None)
                )  # so that it is not lost where it cannot be handed over
                waiting[-1] = (chunk, pool.submit(_call, function, chunk))
                if len(waiting) > 2 * workers:
                    yield _result(waiting)
            while waiting:
                yield _result(waiting)
            return
        except BrokenProcessPool:
            say("the worker processes ended: going on in one process")
        finally:
            for _, future in waiting:
                if future:
                    future.cancel()
    done = [chunk for chunk, _ in waiting]
    yield from (function(context, chunk) for chunk in chain(done, stream))


def _result(waiting: "deque[tuple[Chunk, Future[Result] | None]]") -> Result:
    """The oldest result; its chunk is let go only when it is there."""
    future = waiting[0][1]
    assert future is not None
    result = future.result()
    waiting.popleft()
    return result

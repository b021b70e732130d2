"""Requests to a service, several at once, each result kept as it comes."""

import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from medtune.models.cache import JsonlCache
from medtune.models.interface import Progress

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Item = TypeVar("Item")
Value = TypeVar("Value", bound="DataclassInstance")


def run_concurrently(
    work: Callable[[Item], None], items: Sequence[Item], workers: int
) -> Iterator[Item]:
    """Do ``work`` on every item, ``workers`` at once; yield each item when it is done.

    After the first error nothing new is begun, what is under way ends, and the error is raised.
    Ctrl-C does not wait: the threads are daemons, for a slow service must not keep a program from
    ending.
    """
    todo: queue.SimpleQueue[Item] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[Item, Exception | None]] = queue.SimpleQueue()
    stop = threading.Event()
    for item in items:
        todo.put(item)

    def worker() -> None:
        while not stop.is_set():
            try:
                item = todo.get_nowait()
            except queue.Empty:
                return
            try:
                work(item)
                done.put((item, None))
            except Exception as error:
                stop.set()
                done.put((item, error))

    threads = [
        threading.Thread(target=worker, daemon=True) for _ in range(min(workers, len(items)))
    ]
    for thread in threads:
        thread.start()
    try:
        for _ in items:
            item, error = done.get()
            if error:
                for thread in threads:
                    thread.join()
                raise error
            yield item
    finally:
        stop.set()


def ask_missing(
    cache: JsonlCache[Value],
    keys: Sequence[str],
    ask: Callable[[int], Value],
    workers: int,
    progress: Progress | None,
    prepare: Callable[[], object],
) -> list[Value]:
    """The values of all ``keys`` in their order; ``ask`` gives that of an index which the cache
    does not know, ``workers`` at once.

    ``prepare`` is called first where anything is missing: a key that is not set is noticed before
    any thread starts.
    """
    missing, counts = cache.missing(keys), Counter(keys)
    if progress:
        progress(sum(key not in missing for key in keys))

    if missing:
        prepare()

    def keep(key: str) -> None:
        cache.put({key: ask(missing[key])})

    for key in run_concurrently(keep, list(missing), workers):
        if progress:
            progress(counts[key])
    return [cache[key] for key in keys]

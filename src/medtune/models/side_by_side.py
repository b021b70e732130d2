"""Work that waits for a network, several pieces at once."""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def side_by_side(work: Callable[[T], None], items: Sequence[T], workers: int) -> Iterator[T]:
    """Do ``work`` on every item, ``workers`` at once; yield each item when it is done.

    After the first error nothing new is begun, what is under way ends, and the error is raised. Ctrl-C does not wait:
    the threads are daemons, for a slow service must not keep a program from ending.
    """
    todo: queue.SimpleQueue[T] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[T, Exception | None]] = queue.SimpleQueue()
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

    threads = [threading.Thread(target=worker, daemon=True) for _ in range(min(workers, len(items)))]
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

"""Lists of a service, page by page, newest first."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar


class HasId(Protocol):
    """An object of a list."""

    id: str


T = TypeVar("T", bound=HasId)
LIMIT = 100


def newest_first(page: Callable[..., Any], known: set[str]) -> Iterator[T]:
    """Objects of ``page(limit=…, after=…)`` that are not ``known`` yet, and then are.

    Ends where the service says so, at the first known object, and where a server ignores ``after`` and would send the
    same page for ever.
    """
    after: dict[str, str] = {}
    while True:
        answer = page(limit=LIMIT, **after)
        fresh = [item for item in answer.data if item.id not in known]
        known.update(item.id for item in fresh)
        yield from fresh
        if not fresh or len(fresh) < len(answer.data) or answer.has_more is False:
            return
        after = {"after": answer.data[-1].id}

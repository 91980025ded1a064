"""Preparation of the next piece of work while the current one is done."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield the items; while the caller uses one, a thread already makes the next one.

    The caller may stop at any time: then the item that is being made is finished first.

    >>> list(ahead(iter([1, 2, 3])))
    [1, 2, 3]
    """
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(_some, items)
        while some := following.result():
            following = pool.submit(_some, items)
            yield from some


def _some(items: Iterator[T]) -> list[T]:
    """Return the next item in a list, or an empty list at the end."""
    for item in items:
        return [item]
    return []

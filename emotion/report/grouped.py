"""Counts and sums by group, over rows that are added one table at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_MERGE_ROWS = 65_536
_MERGE_PIECES = 256


class Grouped:
    """Counts of rows and sums of integer columns, by the values of key columns.

    Memory grows with the number of groups and not with the number of rows. Sums of integers do not
    depend on the order of the rows.

    >>> grouped = Grouped(["label"], ["clips"])
    >>> grouped.add(pa.table({"label": ["sad", "happy", "sad"], "clips": [1, 5, 2]}))
    >>> grouped.rows()
    [{'label': 'happy', 'rows': 1, 'clips': 5}, {'label': 'sad', 'rows': 2, 'clips': 3}]
    """

    def __init__(self, keys: Sequence[str], sums: Sequence[str] = ()) -> None:
        self._keys, self._sums = list(keys), list(sums)
        self._pieces: list[pa.Table] = []
        self._num_merged, self._num_rows = 0, 0

    def add(self, table: pa.Table) -> None:
        """Add the rows of a table that has the key columns and the sum columns."""
        if not table.num_rows:
            return
        ones = pa.repeat(pa.scalar(1, pa.int64()), table.num_rows)
        self._pieces.append(self._sum(table.append_column("rows", ones)))
        self._num_rows += self._pieces[-1].num_rows
        grown = self._num_rows > 2 * self._num_merged + _MERGE_ROWS
        many_small = len(self._pieces) > _MERGE_PIECES and self._num_merged < _MERGE_ROWS
        if grown or many_small:
            self._merge()

    def table(self) -> pa.Table | None:
        """Return keys, counts (``rows``) and sums, sorted by key, nulls last.

        The result is None if no row was added.
        """
        self._merge()
        return self._pieces[0] if self._pieces else None

    def rows(self) -> list[dict[str, Any]]:
        """Return ``table`` as dicts, for a small number of groups; empty if no row was added."""
        table = self.table()
        return [] if table is None else table.to_pylist()

    def largest(self, count: int) -> list[dict[str, Any]]:
        """Return at most ``count`` groups with the most rows, by number of rows, then by key."""
        table = self.table()
        if table is None:
            return []
        order = [("rows", "descending"), *[(key, "ascending") for key in self._keys]]
        rows: list[dict[str, Any]] = table.take(
            pc.sort_indices(table, sort_keys=order)[:count]
        ).to_pylist()
        return rows

    def _merge(self) -> None:
        if len(self._pieces) > 1:
            self._pieces = [self._sum(pa.concat_tables(self._pieces))]
        if self._pieces:
            order = [(key, "ascending") for key in self._keys]
            self._pieces = [self._pieces[0].sort_by(order)]
            self._num_merged = self._num_rows = self._pieces[0].num_rows

    def _sum(self, table: pa.Table) -> pa.Table:
        names = ["rows", *self._sums]
        summed = table.group_by(self._keys, use_threads=False).aggregate(
            [(name, "sum") for name in names]
        )
        sums = [pc.fill_null(summed[f"{name}_sum"].cast(pa.int64()), 0) for name in names]
        columns = [summed[key] for key in self._keys] + sums
        return pa.table(dict(zip([*self._keys, *names], columns, strict=True)))

"""Columns of a label table in the plan: their schema, and the names of additional columns."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from emotion.errors import InputError
from jobs.ledger.listed import LISTING
from schemas.tables import MANIFEST, VIDEOS

LABELS = pa.schema(
    [(n, pa.string()) for n in ("uri", "subject_id", "label", "corpus", "given", "split", "fold")]
)
RESERVED = frozenset(
    name.lower()
    for name in (
        *VIDEOS.names, *MANIFEST.names, *LISTING.names, *LABELS.names,
        "times", "differ", "first_uri", "last_uri",  # of jobs.ledger.sql
        "filename", "file_row_number", "seekable", "plan",  # of the stored plan
    )
)  # fmt: skip
"""Names that a column of the label table cannot keep, in lower case: SQL does not see case."""
MOST_COLUMNS = 1000
"""Largest number of additional columns of a label table."""


def extra_column_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names that columns of the label table get in ``videos``.

    A name that ``videos`` or the plan already has, in any case, gets the prefix ``label_``.

    Raises:
        InputError: if two names differ only by case then, or there are more than ``MOST_COLUMNS``.

    >>> extra_column_names(["skin_tone", "fps", "URI"])
    ('skin_tone', 'label_fps', 'label_URI')
    """
    if len(names) > MOST_COLUMNS:
        raise InputError(
            f"the label table has {len(names):,} additional columns, at most {MOST_COLUMNS:,} are "
            "kept; leave out the columns that you do not need"
        )
    kept = tuple(f"label_{n}" if n.lower() in RESERVED else n for n in names)
    seen: dict[str, str] = {}
    for name, new in zip(names, kept, strict=True):
        other = seen.setdefault(new.lower(), name)
        if other != name:
            raise InputError(
                f"the label table has the columns {other!r} and {name!r}, which would have one "
                f"name in videos ({new}); rename one of them"
            )
    return kept

"""Domain of a dataset: the kinds of faces that the column ``domain`` of its videos names."""

from __future__ import annotations

from collections import Counter

from emotion import storage
from emotion.package.trust import UNKNOWN

DOMAIN_COLUMN = "domain"
"""Column of the label table, and so of ``videos``, with the kind of faces in a video."""


def dataset_domain(dataset_uri: str) -> str:
    """Return the kinds of faces in a dataset, the most frequent first, such as "acted, drawn".

    ``unknown`` if no video has a domain, or the dataset has no ``videos``. Videos without a domain
    count as ``unknown`` beside others with one.
    """
    counts: Counter[str] = Counter()
    for file in storage.list_files(storage.join(dataset_uri, "videos"), suffixes=(".parquet",)):
        with storage.open_parquet(file.uri) as parquet:
            if DOMAIN_COLUMN not in parquet.schema_arrow.names:
                return UNKNOWN
        column = storage.read_part(file.uri, [DOMAIN_COLUMN])[DOMAIN_COLUMN]
        counts.update(value or UNKNOWN for value in column.to_pylist())
    kinds = sorted(counts, key=lambda kind: (-counts[kind], kind))
    return ", ".join(kinds) or UNKNOWN

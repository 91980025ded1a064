"""Explanation of a label table whose rows name no video of the archive."""

from __future__ import annotations

from pathlib import PurePosixPath

import pyarrow.compute as pc

from emotion import storage
from jobs.ledger.plan import Plan

MOST_COMPARED = 10_000
"""Number of names of each side that are compared."""


def describe_mismatch(plan: Plan) -> str:
    """Return one name of the label table, one of the archive, and the prefix that differs.

    The names are two that end in the same way, if there are such, and the first ones otherwise.
    If every named video exists, the text is about the first label outside the label set. It is
    empty if there is no example.
    """
    rejects = storage.read_part(str(plan.rejects), ["uri", "reason", "detail"])
    if not plan.reasons.get("missing"):
        details = rejects.filter(pc.equal(rejects["reason"], "unknown_label"))["detail"]
        return str(details[0].as_py()) if len(details) else ""
    named: list[str] = []
    stored: list[str] = []
    for row in rejects.to_pylist():
        side = {"missing": named, "unlabelled": stored}.get(row["reason"])
        if side is not None and len(side) < MOST_COMPARED:
            side.append(row["uri"])
    if not named or not stored:
        return ""
    by_end = {PurePosixPath(uri).name: uri for uri in reversed(stored)}
    match = next((uri for uri in named if PurePosixPath(uri).name in by_end), None)
    if match is None:
        return f"the table names {named[0]!r}, the archive holds {stored[0]!r}"
    other = by_end[PurePosixPath(match).name]
    return f"the table names {match!r}, the archive holds {other!r}: {prefix_advice(match, other)}"


def prefix_advice(named: str, stored: str) -> str:
    """Return what to change so that two names with the same end are equal.

    >>> prefix_advice("videos/s1/a.mp4", "s1/a.mp4")
    "take 'videos/' away from the uris, or let --videos name the folder above"
    >>> prefix_advice("a.mp4", "s1/a.mp4")
    "put 's1/' before the uri"
    >>> prefix_advice("clips/a.mp4", "s1/a.mp4")
    "replace 'clips/' by 's1/'"
    """
    one, other = named.split("/"), stored.split("/")
    while one and other and one[-1] == other[-1]:
        one.pop(), other.pop()
    before, wanted = ("".join(f"{part}/" for part in parts) for parts in (one, other))
    if not before:
        return f"put {wanted!r} before the uri"
    if wanted:
        return f"replace {before!r} by {wanted!r}"
    above = "" if named.startswith("/") else ", or let --videos name the folder above"
    return f"take {before!r} away from the uris{above}"

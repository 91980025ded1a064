"""Choice of the videos that an export writes: the values of --only."""

from __future__ import annotations

import re
from collections.abc import Collection
from fnmatch import translate
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa

from emotion import storage
from emotion.errors import InputError
from jobs.ledger.sql import database

FILE, WHERE = "@", "where:"
"""Beginnings of --only: a file of names follows, or a condition in SQL."""


def chosen_videos(only: str, scores: str) -> frozenset[str]:
    """Return the names (``uri``) of the videos that --only chooses.

    Args:
        only: a pattern of names, in which ``*`` also stands for ``/``; ``@FILE``, a text file with
            a name per line; or ``where:`` and a condition in SQL on the table ``videos``.
        scores: address of the score set.

    Raises:
        InputError: if the file does not exist or names an unknown video, the condition is not SQL,
            or no video is chosen.
    """
    columns = None if only.startswith(WHERE) else ["uri"]
    videos = storage.read_tables(storage.join(scores, "videos"), columns=columns)
    rejects = storage.read_tables(storage.join(scores, "rejects"), columns=["uri"])
    known = [*videos["uri"].to_pylist(), *rejects["uri"].to_pylist()]
    if only.startswith(FILE):
        chosen = _of_file(only.removeprefix(FILE), set(known))
    elif only.startswith(WHERE):
        chosen = _where(only, videos)
    else:
        is_like = re.compile(translate(only)).match
        chosen = frozenset(uri for uri in known if is_like(uri))
    if not chosen:
        example = f", such as {known[0]}" if known else ""
        raise InputError(
            f"--only {only} chooses no video; the score set has {len(known):,}{example}"
        )
    return chosen


def _of_file(name: str, known: Collection[str]) -> frozenset[str]:
    try:
        text = storage.read_bytes(storage.absolute(name)).decode("utf-8-sig")
    except FileNotFoundError as err:
        raise InputError(f"--only {FILE}{name}: the file does not exist") from err
    except UnicodeDecodeError as err:
        raise InputError(f"--only {FILE}{name} is not UTF-8 text: {err}") from err
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    chosen = frozenset(line for line in lines if line)
    unknown = sorted(chosen - set(known))
    if unknown:
        raise InputError(
            f"--only {FILE}{name} names {unknown[0]}, which the score set does not have"
        )
    return chosen


def _where(only: str, videos: pa.Table) -> frozenset[str]:
    condition = only.removeprefix(WHERE).strip()
    with TemporaryDirectory(prefix="video-emotion-") as folder, database(Path(folder)) as db:
        db.register("videos", videos)
        try:
            found = db.execute(f"select uri from videos where ({condition})").fetchall()
        except duckdb.Error as err:
            why = " ".join(str(err).split())
            raise InputError(
                f"--only {only}: not a condition on the columns of videos: {why}"
            ) from err
    return frozenset(uri for (uri,) in found)

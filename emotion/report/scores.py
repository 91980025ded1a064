"""The page of a score set: what the archive shows, and which videos gave no answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from emotion import storage
from emotion.report.charts import bars, histogram
from emotion.report.page import name_of, render

MAX_ROWS = 500


def scores_report(scores_uri: str) -> str:
    """Read a score set and render its page.

    Raises:
        InputError: if ``videos/`` has no part.
        FileNotFoundError: if config.json is missing.
    """
    config = storage.read_json(storage.join(scores_uri, "config.json"))
    columns = ["uri", "duration_s", "num_clips", "num_tracks", "coverage", "label", "confidence"]
    videos = storage.read_tables(storage.join(scores_uri, "videos"), columns=[*columns, "reason"])
    rejects = storage.join(scores_uri, "rejects")
    details = storage.read_tables(rejects) if storage.is_folder(rejects) else None
    return scores_page(
        videos,
        rejects=details,
        labels=config["labels"],
        facts={key: value for key, value in config.items() if not isinstance(value, list | dict)},
        title=name_of(scores_uri),
    )


def scores_page(
    videos: pa.Table,
    *,
    rejects: pa.Table | None = None,
    labels: Sequence[str],
    facts: Mapping[str, Any],
    title: str,
) -> str:
    """Render the page from tables in memory.

    Args:
        videos: a row per video, as ``schemas.scores.scored_videos_schema``; may be empty.
        rejects: rows of ``rejects``, which tell more about videos without an answer.
        labels: the package's label set, in order.
        facts: what the score set was made with, shown as it is.
        title: name of the score set.
    """
    rows = sorted(videos.to_pylist(), key=lambda row: str(row["uri"]))
    answered = [row for row in rows if row["label"] is not None]
    failed = failures(rows, rejects.to_pylist() if rejects is not None else [])
    found = Counter(row["label"] for row in answered)
    return render(
        "scores.html",
        title=title,
        num_videos=len(answered) + len(failed),
        num_answered=len(answered),
        num_clips=pc.sum(videos["num_clips"]).as_py() or 0,
        duration_s=pc.sum(videos["duration_s"]).as_py() or 0.0,
        labels=bars([(label, found[label]) for label in labels]),
        reasons=bars(Counter(row["reason"] for row in failed).most_common()),
        failed=failed[:MAX_ROWS],
        num_failed=len(failed),
        videos=answered[:MAX_ROWS],
        histograms=[
            histogram("confidence of the video's label", [r["confidence"] for r in answered]),
            histogram("coverage: share of frames with a face", [r["coverage"] for r in answered]),
        ],
        facts=sorted(facts.items()),
    )


def failures(
    rows: Sequence[Mapping[str, Any]], rejects: Sequence[Mapping[str, Any]]
) -> list[dict[str, str]]:
    """Videos without an answer, by uri: the reason, and the detail where ``rejects`` has one.

    >>> failures([{"uri": "a", "label": None, "reason": "no_face"}], [])
    [{'uri': 'a', 'reason': 'no_face', 'detail': ''}]
    """
    found = {
        str(row["uri"]): {"uri": str(row["uri"]), "reason": str(row["reason"]), "detail": ""}
        for row in rows
        if row["label"] is None
    }
    for row in rejects:
        found[str(row["uri"])] = {k: str(row[k] or "") for k in ("uri", "reason", "detail")}
    return [found[uri] for uri in sorted(found)]

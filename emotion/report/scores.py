"""The page of a score set: labels, folders, drift, and videos without a label."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from emotion import storage
from emotion.colours import colour
from emotion.package.trust import TrustNote, note_of_scores
from emotion.predict.answer import FEW_USABLE
from emotion.predict.drift import Drift
from emotion.predict.people import USABLE
from emotion.report.charts import Histogram, bars, histogram
from emotion.report.page import name_of, render

UNCERTAIN = "uncertain"
"""Name of the answers whose label is uncertain, beside the labels."""
UNCERTAIN_COLOUR = "#dfe2e6"
MAX_ROWS = 500
MAX_FOLDERS = 40
VIDEO_COLUMNS = (
    "uri", "duration_s", "num_clips", "num_tracks", "num_identities", "coverage", "label",
    "is_uncertain", "confidence", "margin", "reason",
)  # fmt: skip


def scores_report(
    scores_uri: str,
    *,
    slowest: Sequence[Mapping[str, Any]] = (),
    drifts: Sequence[Drift] = (),
) -> str:
    """Read a score set and return its page as HTML.

    Args:
        scores_uri: address of the score set.
        slowest: uri, wall_s and duration_s of the videos that took the longest.
        drifts: comparison of each variable with the model's baseline.

    Raises:
        InputError: if ``videos/`` has no part.
        FileNotFoundError: if config.json is missing.
    """
    config = storage.read_json(storage.join(scores_uri, "config.json"))
    videos = storage.read_tables(storage.join(scores_uri, "videos"), columns=list(VIDEO_COLUMNS))
    rejects = storage.join(scores_uri, "rejects")
    details = storage.read_tables(rejects) if storage.is_folder(rejects) else None
    return scores_page(
        videos,
        rejects=details,
        labels=config["labels"],
        facts={key: value for key, value in config.items() if not isinstance(value, list | dict)},
        title=name_of(scores_uri),
        note=note_of_scores(config),
        people=storage.read_tables(storage.join(scores_uri, "people")),
        shown_s=_shown_s(scores_uri),
        slowest=slowest,
        drifts=drifts,
    )


def _shown_s(scores_uri: str) -> dict[str, float]:
    """Return the seconds of the segments of each label or ``UNCERTAIN``, part by part."""
    seconds: Counter[str | None] = Counter()
    for file in storage.list_files(storage.join(scores_uri, "segments"), suffixes=(".parquet",)):
        part = storage.read_part(file.uri, ["label", "is_uncertain", "start_s", "stop_s"])
        for row in part.to_pylist():
            seconds[_answer(row)] += row["stop_s"] - row["start_s"]
    return {answer: time_s for answer, time_s in seconds.items() if answer is not None}


def _answer(row: Mapping[str, Any]) -> str | None:
    """Return the label of a video or segment, or ``UNCERTAIN``; None without an answer."""
    return UNCERTAIN if row["is_uncertain"] else row["label"]


def scores_page(
    videos: pa.Table,
    *,
    rejects: pa.Table | None = None,
    labels: Sequence[str],
    facts: Mapping[str, Any],
    title: str,
    note: TrustNote = TrustNote(),  # noqa: B008  (frozen)
    people: pa.Table | None = None,
    shown_s: Mapping[str, float] | None = None,
    slowest: Sequence[Mapping[str, Any]] = (),
    drifts: Sequence[Drift] = (),
) -> str:
    """Return the page as HTML, from tables in memory.

    Args:
        videos: a row per video with at least ``VIDEO_COLUMNS``; may be empty.
        rejects: rows of ``rejects``, with more detail about videos without a label.
        labels: the package's label set, in order.
        facts: settings of the score set; the page lists them.
        title: name of the score set.
        note: warning and recall of the model.
        people: rows of ``people``.
        shown_s: seconds for which faces show each label, or ``UNCERTAIN``.
        slowest: uri, wall_s and duration_s of the videos that took the longest.
        drifts: comparison of each variable with the model's baseline.
    """
    rows = sorted(videos.to_pylist(), key=lambda row: str(row["uri"]))
    labelled = [row for row in rows if row["label"] is not None]
    failed = failures(rows, rejects.to_pylist() if rejects is not None else [])
    per_answer = Counter(map(_answer, labelled))
    answers = [*labels, UNCERTAIN] if per_answer[UNCERTAIN] else labels
    by_folder = folder_rows(rows, labels)
    return render(
        "scores.html",
        title=title,
        num_videos=len(labelled) + len(failed),
        num_answered=len(labelled),
        num_clips=pc.sum(videos["num_clips"]).as_py() or 0,
        note=note,
        num_uncertain=per_answer[UNCERTAIN],
        usable=USABLE,
        evidence=_evidence(people) if people is not None and people.num_rows else None,
        duration_s=pc.sum(videos["duration_s"]).as_py() or 0.0,
        num_identities=pc.sum(videos["num_identities"]).as_py() or 0,
        labels=bars([(answer, per_answer[answer]) for answer in answers]),
        shown=bars(
            [(answer, round((shown_s or {}).get(answer, 0.0))) for answer in (*labels, UNCERTAIN)]
        ),
        legend=[(answer, _colour(answer, labels)) for answer in answers],
        folders=by_folder[:MAX_FOLDERS],
        num_folders=len(by_folder),
        slowest=slowest,
        drifts=[(one, _shifts(one)) for one in drifts],
        reasons=bars(Counter(row["reason"] for row in failed).most_common()),
        failed=failed[:MAX_ROWS],
        num_failed=len(failed),
        videos=labelled[:MAX_ROWS],
        histograms=[
            *_people_histograms(people),
            histogram("confidence of the video's label", [r["confidence"] for r in labelled]),
            histogram("coverage: share of frames with a face", [r["coverage"] for r in labelled]),
        ],
        facts=sorted(facts.items()),
    )


def _evidence(people: pa.Table) -> dict[str, Any]:
    """Return counts about the people: all, those with few usable faces, with and without a rest."""
    rows = people.to_pylist()
    few = [row for row in rows if row["usable_share"] < FEW_USABLE * row["face_share"]]
    return {
        "num": len(rows),
        "few_usable": len(few),
        "with_rest": sum(row["baseline_s"] is not None for row in rows),
        "without_rest": Counter(r["baseline_reason"] for r in rows if r["baseline_reason"]),
    }


def _people_histograms(people: pa.Table | None) -> list[Histogram]:
    if people is None or not people.num_rows:
        return []
    titles = {
        "usable_share": "people: share of time with a usable face",
        "median_size_px": "people: size of the face, px",
        "median_yaw_deg": "people: turn of the head, degrees",
        "median_blur": "people: sharpness (variance of the Laplacian)",
    }
    return [histogram(title, people[name].to_pylist()) for name, title in titles.items()]


@dataclass(frozen=True)
class Folder:
    """Counts of the videos below one folder of the archive.

    Attributes:
        name: path from the archive's root; a dot for the root itself.
        num_videos: number of videos that could be read.
        parts: for each label that occurs, and ``UNCERTAIN``: its name, number of videos, share of
            the folder's videos with a label, and colour.
    """

    name: str
    num_videos: int
    parts: tuple[tuple[str, int, float, str], ...]


def folder_rows(rows: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> list[Folder]:
    """Count labels by folder, the folder with the most videos first.

    Folders are taken at the first level at which the videos' addresses differ.

    >>> sure, none = {"label": "glad", "is_uncertain": False}, {"label": None, "is_uncertain": None}
    >>> videos = [{"uri": "v/a/1.mp4"} | sure, {"uri": "v/a/b/2.mp4"} | none]
    >>> folder_rows([*videos, {"uri": "v/c/3.mp4"} | none], ["glad"])[0]
    Folder(name='v/a', num_videos=2, parts=(('glad', 1, 1.0, '#f0e442'),))
    >>> folder_rows([*videos, {"uri": "4.mp4"} | none], ["glad"])[0].name
    'v'
    """
    inside = [str(row["uri"]).split("/")[:-1] for row in rows]
    depth = len(os.path.commonprefix(inside)) + 1  # lists are compared item by item
    counts: dict[str, Counter[str | None]] = {}
    for row, parents in zip(rows, inside, strict=True):
        counts.setdefault("/".join(parents[:depth]) or ".", Counter())[_answer(row)] += 1
    rows_by_folder = []
    for name, of_answers in counts.items():
        num_labelled = of_answers.total() - of_answers[None]
        parts = tuple(
            (answer, of_answers[answer], of_answers[answer] / num_labelled, _colour(answer, labels))
            for answer in (*labels, UNCERTAIN)
            if of_answers[answer]
        )
        rows_by_folder.append(Folder(name, of_answers.total(), parts))
    return sorted(rows_by_folder, key=lambda folder: (-folder.num_videos, folder.name))


def _colour(answer: str, labels: Sequence[str]) -> str:
    return UNCERTAIN_COLOUR if answer == UNCERTAIN else colour(answer, labels)


def _shifts(drift: Drift) -> list[str]:
    """Return texts about the three bins whose shares changed most."""
    moved = sorted(
        zip(drift.bins, drift.baseline_shares, drift.shares, strict=True),
        key=lambda one: -abs(one[2] - one[1]),
    )
    return [f"{name}: {before:.0%}, now {now:.0%}" for name, before, now in moved[:3]]


def failures(
    rows: Sequence[Mapping[str, Any]], rejects: Sequence[Mapping[str, Any]]
) -> list[dict[str, str]]:
    """Return uri, reason and detail of the videos without a label, sorted by uri.

    Where a video is in ``rejects``, reason and detail come from there.

    >>> failures([{"uri": "a", "label": None, "reason": "no_face"}], [])
    [{'uri': 'a', 'reason': 'no_face', 'detail': ''}]
    """
    by_uri = {
        str(row["uri"]): {"uri": str(row["uri"]), "reason": str(row["reason"]), "detail": ""}
        for row in rows
        if row["label"] is None
    }
    for row in rejects:
        by_uri[str(row["uri"])] = {k: str(row[k] or "") for k in ("uri", "reason", "detail")}
    return [by_uri[uri] for uri in sorted(by_uri)]

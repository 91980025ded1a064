"""Reading of a score set for an evaluation, and joining its videos with the label table."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from emotion import storage
from emotion.errors import InputError
from emotion.evaluate.calibration import retemper
from emotion.evaluate.metrics import Confusion, confusion_counts, uar, war
from emotion.evaluate.outcome import Outcome
from emotion.label_table import LabelRow
from emotion.package.seen import FILE, Seen, seen_from_json
from emotion.pooling import pool_videos
from emotion.splits import assign_split
from emotion.versions import check_job, check_number, check_schema_version
from schemas.scores import prob_column

NOT_SCORED = "not_scored"
Vectors = dict[str, tuple[float, ...]]


@dataclass(frozen=True)
class ScoreSet:
    """A finished score set: its settings, and for each video its label or the reason for none.

    Attributes:
        uri: folder of the score set.
        config: content of its config.json.
        labels: the package's label set, in order.
        predicted: predicted label by uri of the video.
        reasons: reason for a missing label, by uri.
        probs: probabilities in label order, by uri; without videos that have none.
        contents: SHA-256 of the readable videos, by uri.
        seen: people and files that the model was trained on; None: not known.
    """

    uri: str
    config: dict[str, Any]
    labels: tuple[str, ...]
    predicted: dict[str, str]
    reasons: dict[str, str]
    probs: Vectors = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)
    seen: Seen | None = None

    def has_seen(self, row: LabelRow) -> bool:
        """Return True if the model was trained on the row's person or bytes, or chosen by them."""
        return self.seen is not None and self.seen.has(row.subject_id, self.contents.get(row.uri))


def read_config(scores_uri: str) -> dict[str, Any]:
    """Return the content of a finished score set's config.json.

    Raises:
        InputError: if it is no score set, has no ``_SUCCESS``, or has another schema version.
    """
    if not storage.exists(storage.join(scores_uri, "_SUCCESS")):
        raise InputError(
            f"--scores {scores_uri} has no _SUCCESS: it is not a score set or its job did not end; "
            "run jobs.score again with the same --out"
        )
    config = storage.read_json(storage.join(scores_uri, "config.json"))
    if isinstance(config, dict):
        check_job(config, scores_uri, flag="scores", job="jobs.score")
    if not isinstance(config, dict) or not {"labels", "videos_root"} <= config.keys():
        raise InputError(f"--scores {scores_uri}: config.json names no labels and videos_root")
    check_schema_version(config, scores_uri, flag="scores")
    return config


def read_predictions(scores_uri: str) -> ScoreSet:
    """Read the predicted label and probabilities of each video of a finished score set.

    Raises:
        InputError: see ``read_config``.
    """
    config = read_config(scores_uri)
    labels = tuple(config["labels"])
    names = [prob_column(label) for label in labels]
    videos = storage.join(scores_uri, "videos")
    columns = ["uri", "content_sha256", "label", "reason", *names]
    rows = storage.read_tables(videos, columns=columns).to_pylist()
    marker = storage.read_json(storage.join(scores_uri, "_SUCCESS"))
    check_number(marker, scores_uri, "videos", len(rows), flag="scores", job="jobs.score")
    rejects = storage.join(scores_uri, "rejects")
    rejected: list[dict[str, Any]] = []
    if storage.list_files(rejects, suffixes=(".parquet",)):
        rejected = storage.read_tables(rejects, columns=["uri", "reason"]).to_pylist()
    labelled = [row for row in rows if row["label"] is not None]
    without_label = [*rejected, *(row for row in rows if row["label"] is None)]
    return ScoreSet(
        uri=scores_uri,
        config=config,
        labels=labels,
        predicted={row["uri"]: row["label"] for row in labelled},
        reasons={row["uri"]: row["reason"] for row in without_label},
        probs={
            row["uri"]: tuple(float(row[name]) for name in names)
            for row in labelled
            if all(row[name] is not None for name in names)
        },
        contents={row["uri"]: row["content_sha256"] for row in rows if row["content_sha256"]},
        seen=_read_seen(scores_uri),
    )


def _read_seen(scores_uri: str) -> Seen | None:
    uri = storage.join(scores_uri, FILE)
    return seen_from_json(storage.read_json(uri)) if storage.exists(uri) else None


def uncalibrated_probs(scores: ScoreSet, temperature: float) -> Vectors:
    """Return the videos' probabilities without the temperature, by uri.

    The temperature is removed from each clip, then the clips are pooled. The result is empty if the
    score set has no clips.
    """
    clips = storage.join(scores.uri, "scores")
    if not storage.list_files(clips, suffixes=(".parquet",)):
        return {}
    names = [prob_column(label) for label in scores.labels]
    table = storage.read_tables(clips, columns=["uri", "num_faces", *names])
    probs_NK = np.stack([table[name].to_numpy() for name in names], axis=1)
    uris = table["uri"].combine_chunks().dictionary_encode()
    pooled_VK = pool_videos(
        retemper(probs_NK, temperature=temperature),
        table["num_faces"].to_numpy(),
        uris.indices.to_numpy(),
        num_videos=len(uris.dictionary),
    )
    vectors = (tuple(row) for row in pooled_VK.tolist())
    return dict(zip(uris.dictionary.to_pylist(), vectors, strict=True))


def clip_figures(scores: ScoreSet, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return counts, WAR and UAR of the clips of the given videos; each clip counts once.

    A video without a clip counts as one wrong clip in ``war`` and ``uar``. The figures that end in
    ``_covered`` use the existing clips only; they are None if there is no clip. The result is empty
    if the score set has no clips at all.
    """
    clips = storage.join(scores.uri, "scores")
    if not storage.list_files(clips, suffixes=(".parquet",)):
        return {}
    truth = {o.uri: o.label for o in outcomes}
    rows = storage.read_tables(clips, columns=["uri", "label"])
    by_video: dict[str, list[str | None]] = defaultdict(list)
    for uri, label in zip(rows["uri"].to_pylist(), rows["label"].to_pylist(), strict=True):
        if uri in truth:
            by_video[uri].append(label)
    without_clip = truth.keys() - by_video.keys()
    pairs = [(truth[uri], label) for uri, its in by_video.items() for label in its]
    covered = _counts(pairs, scores.labels)
    every = _counts([*pairs, *((truth[uri], None) for uri in without_clip)], scores.labels)
    return {
        "n_clips": len(pairs),
        "right_clips": int(np.trace(covered)),
        "videos_without_clip": len(without_clip),
        "war_covered": war(covered) if pairs else None,
        "uar_covered": uar(covered) if pairs else None,
        "war": war(every),
        "uar": uar(every),
    }


def _counts(pairs: Sequence[tuple[str, str | None]], labels: Sequence[str]) -> Confusion:
    """Count pairs of true and predicted label, (K, K + 1); the last column is "no prediction"."""
    place = {name: k for k, name in enumerate((*labels, None))}
    truth_N, predicted_N = (np.array([place[pair[n]] for pair in pairs], int) for n in (0, 1))
    return confusion_counts(truth_N, predicted_N, num_classes=len(place))[:-1]


def join_labels(
    rows: Sequence[LabelRow],
    scores: ScoreSet,
    *,
    split: str,
    split_seed: int,
    uncalibrated: Mapping[str, tuple[float, ...]] | None = None,
    facts: Mapping[str, Mapping[str, str]] | None = None,
) -> tuple[list[Outcome], dict[str, Any]]:
    """Return labelled videos of a split with their predictions, and counts.

    A row is left out if it belongs to another split, if the score set does not have its label, or
    if its uri is in the table more than once. The counts are of these rows, and of the videos of
    the split that the model has ``seen``.

    Args:
        rows: rows of the label table.
        scores: the predictions.
        split: train, val, test, all, or unseen: all videos of people and bytes that the model has
            not seen.
        split_seed: seed of the split by subjects, for rows without a split in the table.
        uncalibrated: probabilities without the temperature, by uri.
        facts: further columns to slice by: by uri, then by name. Where the label table has a column
            of the same name, its value is used.
    """
    times = Counter(row.uri for row in rows)
    outcomes: list[Outcome] = []
    unknown: Counter[str] = Counter()
    elsewhere = num_seen = 0
    for row in rows:
        is_seen = scores.has_seen(row)
        in_split = row.split or assign_split(row.subject_id, seed=split_seed)
        if is_seen if split == "unseen" else split not in ("all", in_split):
            elsewhere += 1
        elif row.label not in scores.labels:
            unknown[row.label] += 1
        elif times[row.uri] == 1:
            num_seen += is_seen
            predicted = scores.predicted.get(row.uri)
            outcomes.append(
                Outcome(
                    uri=row.uri,
                    subject_id=row.subject_id,
                    label=row.label,
                    predicted=predicted,
                    reason=scores.reasons.get(row.uri, NOT_SCORED) if predicted is None else None,
                    probs=scores.probs.get(row.uri),
                    uncalibrated=(uncalibrated or {}).get(row.uri),
                    facts={**(facts or {}).get(row.uri, {}), **_facts(row), "split": in_split},
                )
            )
    left_out = {
        "other_splits": elsewhere,
        "seen": num_seen,
        "duplicate_uris": sum(count > 1 for count in times.values()),
        "unknown_labels": dict(sorted(unknown.items())),
    }
    return outcomes, left_out


def _facts(row: LabelRow) -> dict[str, str]:
    """Return the columns of a row that can be sliced by, without empty ones."""
    own = {"corpus": row.corpus or "", "fold": row.fold or "", "label": row.label}
    return {**row.extra, **{name: text for name, text in own.items() if text}}


def predictions_table(outcomes: Sequence[Outcome], labels: Sequence[str]) -> pa.Table:
    """Return a row per video, in order of uri: label, prediction, probabilities, reason."""
    rows = sorted(outcomes, key=lambda o: o.uri)
    text, share = pa.string(), pa.float32()
    columns: dict[str, pa.Array] = {
        "uri": pa.array([o.uri for o in rows], text),
        "subject_id": pa.array([o.subject_id for o in rows], text),
        "label": pa.array([o.label for o in rows], text),
        "predicted": pa.array([o.predicted for o in rows], text),
        "confidence": pa.array([o.confidence for o in rows], share),
    }
    for k, label in enumerate(labels):
        probs = [None if o.probs is None else o.probs[k] for o in rows]
        columns[prob_column(label)] = pa.array(probs, share)
    columns["reason"] = pa.array([o.reason for o in rows], text)
    return pa.table(columns)

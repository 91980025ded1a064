"""What an evaluation reads: a score set, the label table, and what a dataset measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from emotion import storage
from emotion.errors import InputError
from emotion.evaluate.calibration import retemper
from emotion.evaluate.metrics import uar
from emotion.evaluate.outcome import Outcome
from emotion.label_table import LabelRow
from emotion.splits import assign_split
from emotion.versions import check_schema_version
from schemas.scores import prob_column

NOT_SCORED = "not_scored"
Vectors = dict[str, tuple[float, ...]]


@dataclass(frozen=True)
class ScoreSet:
    """A finished score set: what it was made with, and per video the label or the reason.

    Attributes:
        uri: its folder.
        config: its config.json.
        labels: the package's label set, in order.
        predicted: label by uri.
        reasons: why there is no label, by uri.
        probs: probabilities by uri, in label order; those of videos that have them.
    """

    uri: str
    config: dict[str, Any]
    labels: tuple[str, ...]
    predicted: dict[str, str]
    reasons: dict[str, str]
    probs: Vectors = field(default_factory=dict)


def read_scores(scores_uri: str) -> ScoreSet:
    """Read what a finished score set says of each video.

    Raises:
        InputError: if it is not a score set, or has no ``_SUCCESS``.
    """
    if not storage.exists(storage.join(scores_uri, "_SUCCESS")):
        raise InputError(
            f"--scores {scores_uri} has no _SUCCESS: it is not a score set or its job did not end; "
            "run jobs.score again with the same --out"
        )
    config = storage.read_json(storage.join(scores_uri, "config.json"))
    if not isinstance(config, dict) or not {"labels", "videos_root"} <= config.keys():
        raise InputError(f"--scores {scores_uri}: config.json names no labels and videos_root")
    check_schema_version(config, scores_uri, flag="scores")
    labels = tuple(config["labels"])
    names = [prob_column(label) for label in labels]
    videos = storage.join(scores_uri, "videos")
    rows = storage.read_tables(videos, columns=["uri", "label", "reason", *names]).to_pylist()
    rejects = storage.join(scores_uri, "rejects")
    gone: list[dict[str, Any]] = []
    if storage.list_files(rejects, suffixes=(".parquet",)):
        gone = storage.read_tables(rejects, columns=["uri", "reason"]).to_pylist()
    answered = [row for row in rows if row["label"] is not None]
    silent = [*gone, *(row for row in rows if row["label"] is None)]
    return ScoreSet(
        uri=scores_uri,
        config=config,
        labels=labels,
        predicted={row["uri"]: row["label"] for row in answered},
        reasons={row["uri"]: row["reason"] for row in silent},
        probs={
            row["uri"]: tuple(float(row[name]) for name in names)
            for row in answered
            if all(row[name] is not None for name in names)
        },
    )


def uncalibrated_probs(scores: ScoreSet, temperature: float) -> Vectors:
    """The videos' probabilities without the temperature: per clip, then pooled over the clips.

    Pooled as ``emotion.predict.mixture.pool_clips`` does, by the clips' own faces. Empty where
    the score set has no clips.
    """
    clips = storage.join(scores.uri, "scores")
    if not storage.list_files(clips, suffixes=(".parquet",)):
        return {}
    names = [prob_column(label) for label in scores.labels]
    table = storage.read_tables(clips, columns=["uri", "num_faces", *names])
    probs_NK = np.stack([table[name].to_numpy() for name in names], axis=1)
    weights_N = table["num_faces"].to_numpy().astype(np.float64)
    uris = table["uri"].combine_chunks().dictionary_encode()
    pooled_VK = _pool(
        retemper(probs_NK, temperature=temperature),
        weights_N,
        uris.indices.to_numpy().astype(np.int64),
        num_videos=len(uris.dictionary),
    )
    vectors = (tuple(row) for row in pooled_VK.tolist())
    return dict(zip(uris.dictionary.to_pylist(), vectors, strict=True))


def _pool(
    probs_NK: NDArray[np.float64],
    weights_N: NDArray[np.float64],
    video_N: NDArray[np.int64],
    *,
    num_videos: int,
) -> NDArray[np.float64]:
    sums_VK = np.zeros((num_videos, probs_NK.shape[1]))
    np.add.at(sums_VK, video_N, probs_NK * weights_N[:, None])
    whole_V1 = np.bincount(video_N, weights=weights_N, minlength=num_videos)[:, None]
    pooled: NDArray[np.float64] = sums_VK / whole_V1
    return pooled


def clip_figures(scores: ScoreSet, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """How the clips of the judged videos fare, each by itself.

    A video without a clip counts as one wrong clip in ``war`` and ``uar``; the figures ending in
    ``_covered`` are of the clips that there are; None where there is none.
    """
    clips = storage.join(scores.uri, "scores")
    if not storage.list_files(clips, suffixes=(".parquet",)):
        return {}
    truth = {o.uri: o.label for o in outcomes}
    rows = storage.read_tables(clips, columns=["uri", "label"])
    pairs = zip(rows["uri"].to_pylist(), rows["label"].to_pylist(), strict=True)
    judged = [(uri, said) for uri, said in pairs if uri in truth]
    silent = sorted(truth.keys() - {uri for uri, _ in judged})
    place = {name: k for k, name in enumerate((*scores.labels, None))}
    counts = np.zeros((len(place), len(place)), np.int64)
    for uri, said in judged:
        counts[place[truth[uri]], place[said]] += 1
    found = {
        "n_clips": len(judged),
        "right_clips": int(np.trace(counts)),
        "videos_without_clip": len(silent),
        "war_covered": float(np.trace(counts) / len(judged)) if judged else None,
        "uar_covered": uar(counts) if judged else None,
    }
    for uri in silent:
        counts[place[truth[uri]], place[None]] += 1
    return found | {"war": float(np.trace(counts) / max(1, counts.sum())), "uar": uar(counts)}


def join_labels(
    rows: Sequence[LabelRow],
    scores: ScoreSet,
    *,
    split: str,
    split_seed: int,
    uncalibrated: Mapping[str, tuple[float, ...]] | None = None,
    known: Mapping[str, Mapping[str, str]] | None = None,
) -> tuple[list[Outcome], dict[str, Any]]:
    """Labelled videos of a split with their predictions, and the counts of rows left out.

    Left out are rows of another split, with a label that the score set does not know, and with a
    uri that the table names more than once.

    Args:
        rows: of the label table.
        scores: the predictions.
        split: train, val, test or all.
        split_seed: of the split of subjects, where the table has none.
        uncalibrated: probabilities without the temperature, by uri.
        known: further columns by uri; the label table's own come first.
    """
    times = Counter(row.uri for row in rows)
    outcomes: list[Outcome] = []
    unknown: Counter[str] = Counter()
    elsewhere = 0
    for row in rows:
        in_split = row.split or assign_split(row.subject_id, seed=split_seed)
        if split not in ("all", in_split):
            elsewhere += 1
        elif row.label not in scores.labels:
            unknown[row.label] += 1
        elif times[row.uri] == 1:
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
                    facts={**(known or {}).get(row.uri, {}), **_facts(row), "split": in_split},
                )
            )
    left_out = {
        "other_splits": elsewhere,
        "duplicate_uris": sum(count > 1 for count in times.values()),
        "unknown_labels": dict(sorted(unknown.items())),
    }
    return outcomes, left_out


def _facts(row: LabelRow) -> dict[str, str]:
    own = {"corpus": row.corpus or "", "fold": row.fold or "", "label": row.label}
    return {**row.extra, **{name: text for name, text in own.items() if text}}


def predictions_table(outcomes: Sequence[Outcome], labels: Sequence[str]) -> pa.Table:
    """A row per judged video, in order of uri: truth, prediction, probabilities, reason."""
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

"""Folds of a dataset: who is in which, the dataset without one of them, and its predictions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from emotion import storage
from emotion.errors import InputError
from emotion.evaluate.calibration import retemper
from emotion.evaluate.outcome import Outcome
from emotion.predict.mixture import pool_clips
from emotion.predict.predictor import BATCH_SIZE, Predictor
from jobs.common.command import parse
from jobs.training import run as training

MIN_FOLDS = 3  # one to test on, one to choose weights on, one to learn from
COPIED = ("spec.json", "config.json", "validation/report.json")


@dataclass(frozen=True)
class Video:
    """A labelled video of a dataset, with or without clips."""

    video_id: str
    uri: str
    subject_id: str
    label: str
    split: str
    fold: str
    reason: str | None


def read_folds(dataset_uri: str, *, by: str, at_least: int = MIN_FOLDS) -> dict[str, list[Video]]:
    """The dataset's videos by fold, in order of the folds' names.

    Args:
        dataset_uri: the dataset folder.
        by: a column of its videos: fold, corpus, or a further one of the label table.
        at_least: how many folds there must be.

    Raises:
        InputError: if there is no such column, it is empty somewhere, there are too few folds, or
            a subject is in two.
    """
    table = storage.read_tables(storage.join(dataset_uri, "videos"))
    if by not in table.column_names:
        raise InputError(
            f"--by {by}: {dataset_uri} has no such column; it has {', '.join(table.column_names)}"
        )
    own = ("video_id", "uri", "subject_id", "label", "split", "reason")
    columns = dict.fromkeys([*own, by])
    folds: dict[str, list[Video]] = defaultdict(list)
    homes: dict[str, set[str]] = defaultdict(set)
    for row in table.select(list(columns)).to_pylist():
        fold = row[by]
        if fold is None or fold == "":
            raise InputError(
                f"--by {by}: video {row['uri']} has none; give every row of labels.csv a {by} and "
                "build the dataset again"
            )
        folds[str(fold)].append(Video(**{name: row[name] for name in own}, fold=str(fold)))
        homes[row["subject_id"]].add(str(fold))
    torn = sorted(name for name, its in homes.items() if len(its) > 1)
    if torn:
        raise InputError(
            f"--by {by}: subject {torn[0]} is in folds {', '.join(sorted(homes[torn[0]]))}, and "
            f"{len(torn) - 1} more are in several: a model would be tested on people it knows"
        )
    if len(folds) < at_least:
        raise InputError(
            f"--by {by}: {dataset_uri} has {len(folds)} folds ({', '.join(sorted(folds))}); "
            f"at least {at_least} are needed"
            + (": to learn from, to choose on, to test on" if at_least == MIN_FOLDS else "")
        )
    return {name: folds[name] for name in sorted(folds)}


def val_fold(names: Sequence[str], test: str) -> str:
    """The fold that weights are chosen on: the one after the test fold, round.

    >>> val_fold(("1", "2", "3"), "3")
    '1'
    """
    return names[(list(names).index(test) + 1) % len(names)]


def folder_of(kind: str, fold: str) -> str:
    """A fold's folder, whatever its name holds.

    >>> folder_of("fold", "2"), folder_of("on", "a/b c")
    ('fold-2', 'on-a_b_c')
    """
    return f"{kind}-" + "".join(c if c.isalnum() or c in "-._" else "_" for c in fold)


def fold_splits(folds: Mapping[str, Sequence[Video]], test: str) -> dict[str, str]:
    """Return each video's split outside the test fold: val is the fold after it, train the rest."""
    val = val_fold(tuple(folds), test)
    return {
        video.video_id: "val" if name == val else "train"
        for name, videos in folds.items()
        for video in videos
        if name != test
    }


def write_view(
    dataset_uri: str, view_uri: str, *, split_of: Mapping[str, str], facts: Mapping[str, str]
) -> None:
    """Write some of the dataset's clips, crops and all, as something that jobs.train takes.

    A view that is complete is left as it is.

    Args:
        dataset_uri: the dataset folder.
        view_uri: where to.
        split_of: train or val, by video_id; other videos are left out.
        facts: what the view is of, for its ``_SUCCESS``.

    Raises:
        InputError: if the dataset lacks a file that training needs.
    """
    if storage.exists(storage.join(view_uri, "_SUCCESS")):
        return
    for number, table in enumerate(_parts(dataset_uri)):
        kept = table.filter(pc.is_in(table["video_id"], pa.array(list(split_of), pa.string())))
        splits = pa.array([split_of[name] for name in kept["video_id"].to_pylist()], pa.string())
        at = kept.column_names.index("split")
        kept = kept.set_column(at, kept.schema.field("split"), splits)
        storage.write_table(storage.join(view_uri, "clips", f"part-{number:05d}.parquet"), kept)
    for name in COPIED:
        try:
            data = storage.read_bytes(storage.join(dataset_uri, name))
        except FileNotFoundError:
            raise InputError(
                f"--dataset {dataset_uri} has no {name}: build and validate it first"
            ) from None
        storage.write_bytes(storage.join(view_uri, name), data)
    source = storage.read_json(storage.join(dataset_uri, "_SUCCESS"))
    marker = {"source": dataset_uri, "source_success": source, **facts}
    storage.write_json(storage.join(view_uri, "_SUCCESS"), marker)


def taught(
    dataset_uri: str,
    home: str,
    *,
    split_of: Mapping[str, str],
    facts: Mapping[str, str],
    flags: Sequence[str],
) -> Predictor:
    """Train on a view of the dataset in ``home``/view, into ``home``/run; or find it done.

    Raises:
        InputError: if the training fails.
    """
    view, out = storage.join(home, "view"), storage.join(home, "run")
    write_view(dataset_uri, view, split_of=split_of, facts=facts)
    config = parse(
        training.Config, ["--dataset", view, "--out", out, *flags], verb="jobs.train", doc=None
    )
    if training.run(config) != 0:
        raise InputError(f"training in {home} failed, see above; run the same command again")
    return Predictor.load(storage.join(out, "package"))


def _parts(dataset_uri: str) -> Iterator[pa.Table]:
    for part in storage.list_files(storage.join(dataset_uri, "clips"), suffixes=(".parquet",)):
        yield storage.read_part(part.uri)


def predict_fold(dataset_uri: str, videos: Sequence[Video], predictor: Predictor) -> list[Outcome]:
    """What a model says of a fold's videos: their clips' probabilities, pooled.

    A video without a clip has no prediction, and its reason.
    """
    wanted = {video.video_id for video in videos}
    clips: dict[str, list[tuple[int, NDArray[np.float32]]]] = defaultdict(list)
    for rows in _clips_of(dataset_uri, wanted):
        probs = predictor.jpeg_probs([row["crops"] for row in rows])
        for row, vector in zip(rows, probs, strict=True):
            clips[row["video_id"]].append((row["num_faces"], vector))
    return [_outcome(video, clips.get(video.video_id, []), predictor) for video in videos]


def _clips_of(dataset_uri: str, wanted: set[str]) -> Iterator[list[dict[str, Any]]]:
    columns = ["video_id", "num_faces", "crops"]
    for part in storage.list_files(storage.join(dataset_uri, "clips"), suffixes=(".parquet",)):
        for batch in storage.read_batches(part.uri, BATCH_SIZE, columns):
            rows = [row for row in batch.to_pylist() if row["video_id"] in wanted]
            if rows:
                yield rows


def _outcome(
    video: Video, clips: Sequence[tuple[int, NDArray[np.float32]]], predictor: Predictor
) -> Outcome:
    facts = {"fold": video.fold}
    if not clips:
        reason = video.reason or "no_clip"
        return Outcome(video.uri, video.subject_id, video.label, None, reason, facts=facts)
    faces = [num for num, _ in clips]
    probs = np.stack([vector for _, vector in clips])
    raw = retemper(probs, temperature=predictor.package.temperature).astype(np.float32)
    pooled, raw_pooled = (pool_clips(vectors, faces) for vectors in (probs, raw))
    return Outcome(
        uri=video.uri,
        subject_id=video.subject_id,
        label=video.label,
        predicted=predictor.package.labels[int(pooled.argmax())],
        probs=tuple(pooled.tolist()),
        uncalibrated=tuple(raw_pooled.tolist()),
        facts=facts,
    )

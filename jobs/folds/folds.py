"""Folds of a dataset: reading them, the view for one training, the training, the predictions."""

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
from emotion.evaluate.fold_figures import pooled_outcome
from emotion.evaluate.outcome import Outcome
from emotion.evaluate.subject_folds import fold_subjects
from emotion.predict.predictor import BATCH_SIZE, Predictor
from jobs.common.command import parse
from jobs.folds.options import MIN_FOLDS
from jobs.training import run as training
from jobs.training.options import Config as TrainConfig

VIEW_FILES = (
    "spec.json",
    "config.json",
    "validation/report.json",
)  # files that a view copies


@dataclass(frozen=True)
class FoldVideo:
    """Labelled video of a dataset; ``reason`` is the reason for which it has no clip, or None."""

    video_id: str
    uri: str
    subject_id: str
    label: str
    split: str
    fold: str
    reason: str | None


def read_folds(
    dataset_uri: str, *, by: str, at_least: int = MIN_FOLDS
) -> dict[str, list[FoldVideo]]:
    """Read the dataset's videos by fold, in order of the folds' names.

    Args:
        dataset_uri: the dataset folder.
        by: column of the table videos that names the fold: fold, corpus, or an additional column
            of the label table.
        at_least: minimum number of folds.

    Raises:
        InputError: if the column does not exist, is empty for a video, has fewer than ``at_least``
            values, or has two values for one subject.
    """
    table = storage.read_tables(storage.join(dataset_uri, "videos"))
    if by not in table.column_names:
        raise InputError(
            f"--by {by}: {dataset_uri} has no such column; it has {', '.join(table.column_names)}"
        )
    names = ("video_id", "uri", "subject_id", "label", "split", "reason")
    folds: dict[str, list[FoldVideo]] = defaultdict(list)
    folds_of: dict[str, set[str]] = defaultdict(set)
    for row in table.select(list(dict.fromkeys([*names, by]))).to_pylist():
        fold = row[by]
        if fold is None or fold == "":
            raise InputError(
                f"--by {by}: video {row['uri']} has none; give every row of labels.csv a {by} and "
                "build the dataset again"
            )
        folds[str(fold)].append(FoldVideo(**{name: row[name] for name in names}, fold=str(fold)))
        folds_of[row["subject_id"]].add(str(fold))
    in_several = sorted(name for name, its in folds_of.items() if len(its) > 1)
    if in_several:
        first = in_several[0]
        raise InputError(
            f"--by {by}: subject {first} is in folds {', '.join(sorted(folds_of[first]))}, and "
            f"{len(in_several) - 1} more subjects are in several folds: a model would be tested on "
            "people of its training data"
        )
    if len(folds) < at_least:
        raise InputError(
            f"--by {by}: {dataset_uri} has {len(folds)} folds ({', '.join(sorted(folds))}); "
            f"at least {at_least} are needed"
            + (": to train on, to choose weights on, to test on" if at_least == MIN_FOLDS else "")
        )
    return {name: folds[name] for name in sorted(folds)}


def deal_folds(
    dataset_uri: str, *, num_folds: int | None, seed: int = 0
) -> dict[str, list[FoldVideo]]:
    """Return the dataset's videos in folds of subjects; see ``fold_subjects``.

    Args:
        dataset_uri: the dataset folder.
        num_folds: number of folds, named 1, 2 and so on; None: each subject is a fold of its name.
        seed: seed of the order among equal subjects.

    Raises:
        InputError: if there are fewer subjects than folds, or fewer than ``MIN_FOLDS``.
    """
    names = ["video_id", "uri", "subject_id", "label", "split", "reason"]
    rows = storage.read_tables(storage.join(dataset_uri, "videos"), columns=names).to_pylist()
    labels_of: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        labels_of[row["subject_id"]].append(row["label"])
    if len(labels_of) < (num_folds or MIN_FOLDS):
        raise InputError(
            f"--split: {dataset_uri} has {len(labels_of)} subjects; at least "
            f"{num_folds or MIN_FOLDS} are needed"
        )
    if num_folds is None:
        fold_of = {subject: subject for subject in labels_of}
    else:
        width = len(str(num_folds))
        dealt = fold_subjects(labels_of, num_folds, seed=seed)
        fold_of = {subject: f"{fold + 1:0{width}d}" for subject, fold in dealt.items()}
    folds: dict[str, list[FoldVideo]] = defaultdict(list)
    for row in rows:
        fold = fold_of[row["subject_id"]]
        folds[fold].append(FoldVideo(**row, fold=fold))
    return {name: folds[name] for name in sorted(folds)}


def val_fold(names: Sequence[str], test: str) -> str:
    """Return the fold that is the val split: the one after the test fold; the first after the last.

    >>> val_fold(("1", "2", "3"), "3")
    '1'
    """
    return names[(list(names).index(test) + 1) % len(names)]


def folder_of(kind: str, fold: str) -> str:
    """Return the name of a fold's folder; characters except letters, digits and -._ become _.

    >>> folder_of("fold", "2"), folder_of("on", "a/b c")
    ('fold-2', 'on-a_b_c')
    """
    return f"{kind}-" + "".join(c if c.isalnum() or c in "-._" else "_" for c in fold)


def fold_splits(folds: Mapping[str, Sequence[FoldVideo]], test: str) -> dict[str, str]:
    """Return the split of each video outside the test fold, by video_id.

    The fold after the test fold is val, all other folds are train.
    """
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
    """Write a view: a dataset for jobs.train with a copy of some clips, in other splits.

    A complete view is not written again.

    Args:
        dataset_uri: the dataset folder.
        view_uri: folder of the view.
        split_of: "train" or "val" by video_id; clips of other videos are left out.
        facts: values to store in the view's ``_SUCCESS``, such as the fold.

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
    for name in VIEW_FILES:
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


def train_model(
    dataset_uri: str,
    home: str,
    *,
    split_of: Mapping[str, str],
    facts: Mapping[str, str],
    flags: Sequence[str],
) -> Predictor:
    """Write ``home``/view, train on it into ``home``/run, and return the trained model.

    A finished run is not trained again.

    Args:
        dataset_uri: the dataset folder.
        home: folder of the fold or corpus.
        split_of: see ``write_view``.
        facts: see ``write_view``.
        flags: flags of jobs.train except --dataset, --out and --address.

    Raises:
        InputError: if the training fails.
    """
    view, out = storage.join(home, "view"), storage.join(home, "run")
    write_view(dataset_uri, view, split_of=split_of, facts=facts)
    config = parse(
        TrainConfig, ["--dataset", view, "--out", out, *flags], verb="jobs.train", doc=None
    )
    if training.run(config) != 0:
        raise InputError(f"training in {home} failed, see above; run the same command again")
    return Predictor.load(storage.join(out, "package"))


def _parts(dataset_uri: str) -> Iterator[pa.Table]:
    """Yield the parts of the clips table."""
    for part in storage.list_files(storage.join(dataset_uri, "clips"), suffixes=(".parquet",)):
        yield storage.read_part(part.uri)


def predict_fold(
    dataset_uri: str, videos: Sequence[FoldVideo], predictor: Predictor
) -> list[Outcome]:
    """Return one outcome per video: the label of the pooled probabilities of its clips.

    The outcome of a video without a clip has no prediction and a reason.
    """
    wanted = {video.video_id for video in videos}
    clips: dict[str, list[tuple[int, NDArray[np.float32]]]] = defaultdict(list)
    for rows in _clips_of(dataset_uri, wanted):
        probs = predictor.jpeg_probs([row["crops"] for row in rows])
        for row, vector in zip(rows, probs, strict=True):
            clips[row["video_id"]].append((row["num_faces"], vector))
    return [_outcome(video, clips.get(video.video_id, []), predictor) for video in videos]


def _clips_of(dataset_uri: str, wanted: set[str]) -> Iterator[list[dict[str, Any]]]:
    """Yield the clips of some videos in batches, with their crops."""
    columns = ["video_id", "num_faces", "crops"]
    for part in storage.list_files(storage.join(dataset_uri, "clips"), suffixes=(".parquet",)):
        for batch in storage.read_batches(part.uri, BATCH_SIZE, columns):
            rows = [row for row in batch.to_pylist() if row["video_id"] in wanted]
            if rows:
                yield rows


def _outcome(
    video: FoldVideo, clips: Sequence[tuple[int, NDArray[np.float32]]], predictor: Predictor
) -> Outcome:
    """Return one video's outcome; ``clips`` has (number of faces, probabilities) of each clip."""
    reason = None if clips else video.reason or "no_clip"
    outcome = Outcome(
        video.uri, video.subject_id, video.label, None, reason, facts={"fold": video.fold}
    )
    if not clips:
        return outcome
    return pooled_outcome(
        outcome,
        np.stack([vector for _, vector in clips]),
        [num_faces for num_faces, _ in clips],
        labels=predictor.package.labels,
        temperature=predictor.package.temperature,
    )

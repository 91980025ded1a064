"""Train on shuffled labels and on shuffled frames, as controls of a result.

    python -m benchmarks.controls --dataset DATASET --out FOLDER --train="--epochs 60"

``labels`` shuffles the labels over the train and val videos; the test videos keep theirs. A UAR
above chance on them then means a leak. ``time`` shuffles the frames of every clip, test clips
included; the loss in UAR is the part that the order of the frames gives. ``none`` trains on the
clips as they are. The shuffled datasets are written below --out; a finished one is used again.
"""

from __future__ import annotations

import random
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from emotion import storage
from emotion.errors import InputError
from emotion.evaluate.evaluation import Evaluation, evaluate_outcomes
from emotion.predict.predictor import Predictor
from jobs import train
from jobs.common import cluster
from jobs.common.command import one_line_errors, parse
from jobs.folds.folds import VIEW_FILES, FoldVideo, predict_fold

Control = Literal["none", "labels", "time"]
Row = dict[str, Any]


@dataclass(frozen=True)
class Config:
    """Settings of the controls."""

    dataset: str
    """Folder of a dataset, made by jobs.build_dataset."""
    out: str
    """Folder for the controls' datasets and runs."""
    train: str = ""
    """Flags of jobs.train, without --dataset and --out."""
    controls: tuple[Control, ...] = ("none", "labels", "time")
    """Controls to run."""
    seed: int = 0
    """Seed of the shuffling."""


def scrambled(labels: dict[str, str], *, seed: int) -> dict[str, str]:
    """Shuffle the labels over the videos.

    >>> dealt = scrambled({"a": "sad", "b": "happy", "c": "sad"}, seed=0)
    >>> list(dealt), sorted(dealt.values())
    (['a', 'b', 'c'], ['happy', 'sad', 'sad'])
    """
    names = sorted(labels)
    dealt = [labels[name] for name in names]
    random.Random(seed).shuffle(dealt)
    return dict(zip(names, dealt, strict=True))


def out_of_order(crops: Sequence[bytes], *, seed: str) -> list[bytes]:
    """Shuffle crops; the same seed gives the same order.

    >>> sorted(out_of_order([b"1", b"2", b"3"], seed="a"))
    [b'1', b'2', b'3']
    """
    shuffled = list(crops)
    random.Random(seed).shuffle(shuffled)
    return shuffled


def parts(dataset: str) -> Iterator[tuple[str, pa.Table]]:
    """Yield the name and the clips of each part."""
    for part in storage.list_files(storage.join(dataset, "clips"), suffixes=(".parquet",)):
        yield Path(part.uri).name, storage.read_part(part.uri)


def write_control(dataset: str, view: str, control: Control, *, seed: int) -> None:
    """Write a control's dataset below ``view``, _SUCCESS last; nothing if _SUCCESS is there."""
    if storage.exists(storage.join(view, "_SUCCESS")):
        return
    videos = storage.read_tables(
        storage.join(dataset, "videos"), columns=["video_id", "label", "split"]
    ).to_pylist()
    known = {row["video_id"]: row["label"] for row in videos if row["split"] != "test"}
    dealt = scrambled(known, seed=seed) if control == "labels" else {}
    for name, table in parts(dataset):
        rows = [_changed(row, control, dealt, seed) for row in table.to_pylist()]
        changed = pa.Table.from_pylist(rows, table.schema)
        storage.write_table(storage.join(view, "clips", name), changed)
    for name in VIEW_FILES:
        data = storage.read_bytes(storage.join(dataset, name))
        storage.write_bytes(storage.join(view, name), data)
    storage.write_json(storage.join(view, "_SUCCESS"), {"source": dataset, "control": control})


def _changed(row: Row, control: Control, dealt: dict[str, str], seed: int) -> Row:
    if control == "labels":
        return row | {"label": dealt.get(row["video_id"], row["label"])}
    if control == "time":
        return row | {"crops": out_of_order(row["crops"], seed=f"{seed} {row['clip_id']}")}
    return row


def held_out_videos(dataset: str) -> list[FoldVideo]:
    """Return the videos of the test split, with their true labels.

    Raises:
        InputError: if there is none.
    """
    columns = ["video_id", "uri", "subject_id", "label", "reason", "split"]
    rows = storage.read_tables(storage.join(dataset, "videos"), columns=columns).to_pylist()
    videos = [FoldVideo(fold=row["split"], **row) for row in rows if row["split"] == "test"]
    if not videos:
        raise InputError(f"--dataset {dataset} has no video in its test split")
    return videos


def run_one(config: Config, control: Control) -> Evaluation:
    """Write the control, train on it, and evaluate its test clips."""
    view = storage.join(config.out, control, "dataset")
    out = storage.join(config.out, control, "run")
    write_control(config.dataset, view, control, seed=config.seed)
    if train.main(["--dataset", view, "--out", out, *shlex.split(config.train)]) != 0:
        raise InputError(f"training on {view} failed, see above")
    predictor = Predictor.load(storage.join(out, "package"))
    outcomes = predict_fold(view, held_out_videos(config.dataset), predictor)
    return evaluate_outcomes(outcomes, labels=predictor.package.labels)


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the controls and print their table."""
    config = parse(Config, argv, verb="benchmarks.controls", doc=__doc__)
    lines = ["| control | test UAR | 95% | test WAR |", "|---|---|---|---|"]
    with cluster.session(None):
        for control in config.controls:
            figures = run_one(config, control).figures
            uar, war = (figures[name].value or 0.0 for name in ("uar", "war"))
            low, high = figures["uar"].interval or (uar, uar)
            lines.append(f"| {control} | {uar:.3f} | {low:.2f} to {high:.2f} | {war:.3f} |")
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

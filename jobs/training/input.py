"""Checks and counts of a dataset before training; crops are not read."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

from emotion import storage
from emotion.errors import InputError
from emotion.extract.spec import ExtractionSpec
from emotion.splits import SPLITS, assign_split
from emotion.versions import check_job, check_number, check_schema_version


@dataclass(frozen=True)
class TrainInput:
    """Counts of a complete and valid dataset.

    Attributes:
        uri: the dataset folder.
        spec: extraction spec of its clips.
        labels: labels in class_index order.
        digest: first 16 hex digits of the SHA-256 of its ``_SUCCESS``, which changes with the
            dataset.
        train_counts: clips per class_index in train.
        val_counts: clips per class_index in val.
        num_train: number of clips in train.
        num_val: number of clips in val.
        train_subjects: number of different subjects in train.
        val_subjects: number of different subjects in val.
        test_counts: clips per class_index in test, for the model card; test clips are not used.
        test_subjects: number of different subjects in test.
        split_by: rule by which subjects were assigned to splits, as text for the model card.
    """

    uri: str
    spec: ExtractionSpec
    labels: tuple[str, ...]
    digest: str
    train_counts: tuple[int, ...]
    val_counts: tuple[int, ...]
    num_train: int
    num_val: int
    train_subjects: int
    val_subjects: int
    test_counts: tuple[int, ...]
    test_subjects: int
    split_by: str

    @property
    def missing_in_val(self) -> tuple[str, ...]:
        """Labels with clips in train but not in val; they do not affect the best epoch."""
        pairs = zip(self.labels, self.train_counts, self.val_counts, strict=True)
        return tuple(label for label, train, val in pairs if train and not val)

    @property
    def clip_shape(self) -> tuple[int, int, int, int]:
        """Shape (T, H, W, 3) of every clip."""
        return self.spec.clip_len, self.spec.crop_px, self.spec.crop_px, 3

    @property
    def decoded_gb(self) -> float:
        """Size of all decoded clips of train and val in GB of 10^9 bytes."""
        return (self.num_train + self.num_val) * math.prod(self.clip_shape) / 1e9


def read_input(uri: str, *, labels: tuple[str, ...] | None) -> TrainInput:
    """Check a dataset and count its clips.

    Args:
        uri: the dataset folder.
        labels: labels that the dataset must declare, in order (``--labels``); None: any labels.

    Raises:
        InputError: if the dataset is not complete or not valid, declares other labels, has no clip
            in train or val, or has fewer than two labels in train.
    """
    spec, config, digest = _declared(uri)
    declared = tuple(str(label) for label in config.get("labels", ()))
    _check_report(uri, spec)
    if labels is not None and labels != declared:
        raise InputError(
            f"--labels {','.join(labels)} differ from the dataset's, {','.join(declared)}: the "
            "order counts; leave --labels out or build the dataset with that --label-set"
        )
    columns = ["subject_id", "label", "split"]
    rows = storage.read_tables(storage.join(uri, "clips"), columns=columns).to_pylist()
    marker = storage.read_json(storage.join(uri, "_SUCCESS"))
    check_number(marker, uri, "clips", len(rows), flag="dataset", job="jobs.build_dataset")
    train, val, test = ([r for r in rows if r["split"] == split] for split in SPLITS)
    _check_splits(uri, len(train), len(val))
    counts, val_counts, test_counts = (
        Counter(r["label"] for r in clips) for clips in (train, val, test)
    )
    if len(counts) < 2:
        raise InputError(
            f"{uri}: the train split has clips of {', '.join(counts)} only; training needs two or "
            "more labels"
        )
    return TrainInput(
        uri=uri,
        spec=spec,
        labels=declared,
        digest=digest,
        train_counts=tuple(counts[label] for label in declared),
        val_counts=tuple(val_counts[label] for label in declared),
        num_train=len(train),
        num_val=len(val),
        train_subjects=len({row["subject_id"] for row in train}),
        val_subjects=len({row["subject_id"] for row in val}),
        test_counts=tuple(test_counts[label] for label in declared),
        test_subjects=len({row["subject_id"] for row in test}),
        split_by=_split_by(uri, rows, seed=int(config.get("split_seed", 0))),
    )


def _split_by(uri: str, rows: list[dict[str, str]], *, seed: int) -> str:
    """Return text that names the rule of the split: folds, a hash of the name, or the table."""
    marker = storage.read_json(storage.join(uri, "_SUCCESS"))
    if {"test", "val"} <= marker.keys():
        return f"fold: {marker['test']} is kept out, {marker['val']} is val, the others train"
    splits = {(row["subject_id"], row["split"]) for row in rows}
    if all(assign_split(subject, seed=seed) == split for subject, split in splits):
        return f"a hash of the person's name, seed {seed}"
    return "the label table"


def _declared(uri: str) -> tuple[ExtractionSpec, dict[str, Any], str]:
    success = storage.join(uri, "_SUCCESS")
    try:
        marker = storage.read_bytes(success)
        spec = ExtractionSpec.from_json(storage.read_json(storage.join(uri, "spec.json")))
        config = storage.read_json(storage.join(uri, "config.json"))
    except (FileNotFoundError, NotADirectoryError) as err:
        raise InputError(
            f"--dataset {uri} is not a complete dataset ({err} is missing): run "
            f"`python -m jobs.build_dataset --videos ... --labels ... --out {uri}` to its end"
        ) from err
    check_job(config, uri, flag="dataset", job="jobs.build_dataset")
    check_schema_version(config, uri, flag="dataset")
    digest = hashlib.sha256(marker).hexdigest()[:16]
    return spec, config, digest


def _check_report(uri: str, spec: ExtractionSpec) -> None:
    command = f"run `python -m jobs.validate_dataset --dataset {uri}`"
    report_uri = storage.join(uri, "validation", "report.json")
    if not storage.exists(report_uri):
        raise InputError(f"--dataset {uri} was never validated: {command}")
    report = storage.read_json(report_uri)
    if report.get("success") is not True:
        raise InputError(f"--dataset {uri} failed its validation: {command} to see why")
    if report.get("spec_digest") != spec.digest:
        raise InputError(
            f"--dataset {uri} was validated with spec {report.get('spec_digest')}, its spec.json "
            f"is {spec.digest}: {command} again"
        )


def _check_splits(uri: str, num_train: int, num_val: int) -> None:
    for name, num in (("train", num_train), ("val", num_val)):
        if num == 0:
            raise InputError(
                f"--dataset {uri} has no clip in the {name} split: give labels.csv a split column "
                "with train, val and test subjects, or add subjects"
            )

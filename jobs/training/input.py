"""What training knows of a dataset before it reads a pixel, and why it may refuse one."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

from emotion import storage
from emotion.errors import InputError
from emotion.extract.spec import ExtractionSpec
from emotion.splits import SPLITS, assign_split
from emotion.versions import check_schema_version


@dataclass(frozen=True)
class TrainInput:
    """A complete and valid dataset, by its counts.

    Attributes:
        uri: the dataset folder.
        spec: how its clips were cut.
        labels: in class_index order.
        digest: of its ``_SUCCESS``: another one means that the dataset changed.
        train_counts: clips per class_index in train.
        val_counts: the same in val.
        num_train: clips in train.
        num_val: clips in val.
        train_subjects: different subjects in train.
        val_subjects: different subjects in val.
        test_counts: clips per class_index in test: counted, and not read.
        test_subjects: different subjects in test.
        split_by: how people came into their split, for the model card.
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
        """Labels that train has and val has not: choosing weights takes no notice of them."""
        pairs = zip(self.labels, self.train_counts, self.val_counts, strict=True)
        return tuple(label for label, train, val in pairs if train and not val)

    @property
    def clip_shape(self) -> tuple[int, int, int, int]:
        """(T, H, W, 3) of every clip."""
        return self.spec.clip_len, self.spec.crop_px, self.spec.crop_px, 3


def read_input(uri: str, *, labels: tuple[str, ...] | None) -> TrainInput:
    """Check a dataset and count its clips.

    Args:
        uri: the dataset folder.
        labels: what ``--labels`` says it must hold; None takes what it declares.

    Raises:
        InputError: if it is incomplete, not validated, or has nothing to learn from.
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
    train, val, test = ([r for r in rows if r["split"] == split] for split in SPLITS)
    _check_splits(uri, len(train), len(val))
    counts, val_counts, test_counts = (
        Counter(r["label"] for r in its) for its in (train, val, test)
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
    """A fold's view says so; else it is told from the clips whether a hash or a table decided."""
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

"""A hand-written dataset to train on: the brightness of a crop shows its label."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from emotion import storage
from emotion.splits import SPLITS
from jobs import train
from schemas.tables import CLIPS, SCHEMA_VERSION, rows_table
from tests.helpers.small_package import SPEC

LABELS = ("upper", "lower", "both")
SUBJECTS = {"train": 7, "val": 3, "test": 1}


def draw(label: str, rng: np.random.Generator) -> list[bytes]:
    """Draw four crops whose brightness shows the label."""
    crops = []
    for _ in range(SPEC.clip_len):
        image = rng.integers(0, 60, (32, 32, 3)).astype(np.uint8)
        for part, rows in (("upper", slice(0, 18)), ("lower", slice(18, 32))):
            if label in (part, "both"):
                image[rows] += 150
        crops.append(cv2.imencode(".jpg", image)[1].tobytes())
    return crops


def clip_row(split: str, number: int, label: str, rng: np.random.Generator) -> dict[str, object]:
    name = f"{split}{number}-{label}"
    crops = [b"never read"] * SPEC.clip_len if split == "test" else draw(label, rng)
    return {
        "clip_id": f"{name}/0/0",
        "video_id": name,
        "track_id": 0,
        "identity_id": 0,
        "subject_id": f"{split}{number}",
        "label": label,
        "split": split,
        "fold": None,
        "start_s": 0.0,
        "stop_s": 0.5,
        "pts_s": [0.0, 0.125, 0.25, 0.375],
        "box": [0.0, 0.0, 32.0, 32.0],
        "num_faces": 4,
        "quality": 1.0,
        "crops": crops,
    }


def write_dataset(root: Path) -> Path:
    """Write the dataset in two parts; the crops of the test split are no images."""
    rng = np.random.default_rng(0)
    rows = [
        clip_row(split, number, label, rng)
        for split in SPLITS
        for number in range(SUBJECTS[split])
        for label in LABELS
    ]
    uri = str(root)
    for part, chosen in enumerate((rows[0::2], rows[1::2])):
        storage.write_table(storage.join(uri, f"clips/{part}.parquet"), rows_table(chosen, CLIPS))
    storage.write_json(storage.join(uri, "spec.json"), SPEC.to_json())
    config = {"labels": list(LABELS), "schema_version": SCHEMA_VERSION}
    storage.write_json(storage.join(uri, "config.json"), config)
    report = {"success": True, "spec_digest": SPEC.digest}
    storage.write_json(storage.join(uri, "validation/report.json"), report)
    storage.write_json(storage.join(uri, "_SUCCESS"), {"labels": list(LABELS)})
    return root


RECIPE = ("--epochs", "4", "--ema-decay", "0.9", "--mixup", "0.3")
"""Flags that use everything a checkpoint must restore."""


def run(dataset: Path | str, out: Path | str, *flags: str) -> int:
    """Run jobs.train on the dataset in this process."""
    return train.main(["--dataset", str(dataset), "--out", str(out), *RECIPE, *flags])

"""Options of jobs.evaluate and jobs.compare; imports no large package, so that help is fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from emotion.errors import InputError
from emotion.ranges import Range, check_ranges
from jobs.common.command import Address

MAX_MISTAKES = 60  # on one page; one takes about 30 KB


@dataclass(frozen=True)
class EvaluateConfig:
    """Options of jobs.evaluate.

    Attributes:
        scores: Folder of a finished score set.
        labels: CSV with columns uri, subject_id, label and optional split.
        out: Folder for the figures; files of an earlier evaluation are overwritten.
        split: Evaluate the videos of this split: by the table's column, else by the split that
            jobs.build_dataset computes.
        split_seed: Seed of that split, as given to jobs.build_dataset.
        seed: Seed of the bootstrap.
        slice_by: Columns, separated by commas, whose values are evaluated separately: columns of
            the label table, or with --dataset video_fps, video_height, video_codec, face_px, light.
        dataset: Dataset of the same archive: shows mistakes as crops, and adds columns to slice by.
        run: Folder of jobs.train: adds its learning curves to the page.
        package: Package that made the scores: read for its temperature where the score set does
            not store it.
        mistakes: Number of wrong answers on the page, 0 to 60, the most confident first.
        update_card: Write the figures into the card.md of --package; its model_id does not change.
        mlflow_uri: Add figures, page and plots to the run of this model in MLflow.
    """

    scores: Address
    labels: Address
    out: Address
    split: Literal["test", "val", "train", "all"] = "test"
    split_seed: int = 0
    seed: int = 0
    slice_by: str | None = None
    dataset: Address | None = None
    run: Address | None = None
    package: Address | None = None
    mistakes: int = 12
    update_card: bool = False
    mlflow_uri: str | None = None

    def __post_init__(self) -> None:
        check_ranges(self, mistakes=Range(0, MAX_MISTAKES))
        if self.update_card and not self.package:
            raise InputError("--update-card needs --package: the folder whose card it is")

    @property
    def columns(self) -> tuple[str, ...]:
        """Names in ``slice_by``, each once."""
        names = (self.slice_by or "").split(",")
        return tuple(dict.fromkeys(name.strip() for name in names if name.strip()))


@dataclass(frozen=True)
class CompareConfig:
    """Options of jobs.compare.

    Attributes:
        evals: Folders of jobs.evaluate; each one is compared with the first.
        out: Folder for the table; files of an earlier comparison are overwritten.
        names: Names for the table, one for each folder; default: the folders' names.
        seed: Seed of the bootstrap.
    """

    evals: tuple[Address, ...]
    out: Address
    names: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if len(self.evals) < 2:
            raise InputError(f"--evals names {len(self.evals)} folder; a comparison needs two")
        if self.names and len(self.names) != len(self.evals):
            raise InputError(f"--names has {len(self.names)} names for {len(self.evals)} --evals")

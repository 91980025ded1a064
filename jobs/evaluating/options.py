"""Options of jobs.evaluate and jobs.compare; imports no large package, so that help is fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from emotion.errors import InputError
from emotion.ranges import Range, check_ranges
from jobs.common.command import Address

MAX_MISTAKES = 60  # on one page; each takes about 30 KB


@dataclass(frozen=True)
class EvaluateConfig:
    """Options of jobs.evaluate.

    Attributes:
        scores: Complete score set: a folder that jobs.score made.
        labels: Label table: CSV with columns uri, subject_id, label; split is optional.
        out: Folder for the evaluation; files of an earlier evaluation are overwritten.
        split: Videos to evaluate. train, val, test: by the column split of the label table; where
            it is empty, by the hash of subject_id that jobs.build_dataset uses. unseen: all videos
            of people and files that the model was neither trained on nor chosen by. all: every
            video. auto: test if the label table has splits, else unseen.
        split_seed: Seed of the computed split; give the same value as to jobs.build_dataset.
        seed: Seed of the bootstrap, which gives the intervals.
        slice_by: Columns, separated by commas, whose values are evaluated separately: columns of
            the label table, or with --dataset also video_fps, video_height, video_codec, face_px,
            light. Default: none.
        dataset: Dataset of the same archive, made by jobs.build_dataset: shows the crops of wrong
            predictions on the page, and adds columns for --slice-by. Default: none.
        run: Folder of jobs.train: adds its learning curves to the page. Default: none.
        package: Model package that made the scores. Its temperature is used; default: the
            temperature that the score set stores. --update-card needs it.
        mistakes: Number of wrong predictions on the page, 0 to 60, the most confident ones first.
        update_card: Add the figures to the model card (card.md) of --package; its model_id does
            not change.
        mlflow_uri: MLflow tracking server: the figures, the page and the plots are added to the
            run of this model. Default: no MLflow.
    """

    scores: Address
    labels: Address
    out: Address
    split: Literal["auto", "unseen", "test", "val", "train", "all"] = "auto"
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
        """Column names in ``slice_by``, each once, in the given order."""
        names = (self.slice_by or "").split(",")
        return tuple(dict.fromkeys(name.strip() for name in names if name.strip()))


@dataclass(frozen=True)
class CompareConfig:
    """Options of jobs.compare.

    Attributes:
        evals: Two or more folders that jobs.evaluate made; each is compared with the first.
        out: Folder for the comparison; files of an earlier comparison are overwritten.
        names: Names in the table, one per folder of --evals; default: the names of the folders.
        seed: Seed of the bootstrap, which gives the intervals.
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

"""Options of jobs.train; this module imports neither torch nor Ray, so that --help is fast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from emotion.ranges import at_least, check_ranges
from emotion.train.recipe import (
    RECIPES,
    Recipe,
    RecipeFlags,
    RecipeName,
    parse_augment,
    recipe_of,
)
from jobs.common.command import Address
from jobs.common.flags import pairs

MLFLOW = ("mlflow_uri", "mlflow_experiment", "mlflow_model")
MAY_CHANGE = ("out", "workers", "address", "max_minutes", "max_failures", "cache_gb", *MLFLOW)
"""Flags that may differ when a run is resumed, because they do not affect the weights."""


@dataclass(frozen=True)
class ModelAndData:
    """First flags of jobs.train.

    Attributes:
        dataset: Folder that jobs.build_dataset made.
        out: Folder for the run: new, or begun by the same command, which then resumes.
        model: Name of the model: r3d_lite, r3d_18, mc3_18, r2plus1d_18, s3d, mvit_v2_s, swin3d_t,
            cnn_mean, cnn_lstm, cnn_gru or cnn_attention; or package.module:Class, a model of
            yours, see docs/training.md.
        model_args: Arguments of the model as NAME=VALUE, such as backbone=resnet50 hidden=256;
            see docs/training.md.
        pretrained: Weights to start from: none; default, the model for real faces that answers
            where no package is named; the name of torchvision's weights (KINETICS400_V1 or
            IMAGENET1K_V1); or the path or s3:// address of a weights file or of a package. A model
            cnn_* takes the backbone of the package.
        labels: Labels that the dataset must declare, in this order, separated by commas; default:
            the dataset's own labels.
        domain: Kind of faces that the package states: drawn, rendered, acted, in the wild, or other
            text; default: the column domain of the dataset's videos, else unknown.
    """

    dataset: Address
    out: Address
    model: str = "r3d_lite"
    model_args: tuple[str, ...] = ()
    pretrained: str = "none"
    labels: str | None = None
    domain: str | None = None


@dataclass(frozen=True)
class Config(RecipeFlags, ModelAndData):  # help lists the flags of the last base first
    """Flags of jobs.train.

    Attributes:
        recipe: Defaults of the other options: scratch for random weights; finetune for pretrained
            weights, also with few clips: cnn_gru on the backbone of the default package, which is
            frozen at first and then learns slowly. Other flags replace single values.
        augment: Changes to the default augmentation as NAME=VALUE, such as rotate_deg=20 blur=0.3;
            see docs/training.md.
        batch_size: Number of clips per batch over all workers, at least 2.
        seed: Seed of initial weights, order of clips, augmentation and dropout.
        max_minutes: Minutes after which no new epoch begins, at least 0; 0: no limit.
        max_failures: Number of restarts after a worker has died, at least 0.
        workers: Number of training processes, such as 4, or a range, such as 2-8, for an elastic
            run that uses free resources; at least 1. Default: one per GPU; without GPUs one that
            uses all cores.
        cache_gb: Memory for decoded clips in GB of 10^9 bytes over all workers, at least 0. If
            train and val need more, every epoch reads and decodes the clips again.
        address: Ray cluster to join; default: $RAY_ADDRESS, else a local Ray.
        mlflow_uri: MLflow tracking server, or sqlite:///FILE; default: no MLflow, only
            TensorBoard files.
        mlflow_experiment: Name of the MLflow experiment; it is created if it does not exist.
        mlflow_model: Name of the registered MLflow model; default: the name of the experiment.
    """

    PRESETS: ClassVar[Mapping[str, Mapping[RecipeName, Mapping[str, object]]]] = {
        "recipe": {
            "scratch": RECIPES["scratch"],
            "finetune": {"model": "cnn_gru", "pretrained": "default", **RECIPES["finetune"]},
        }
    }

    recipe: RecipeName = "scratch"
    augment: tuple[str, ...] = ()
    batch_size: int = 16
    seed: int = 0
    max_minutes: float = 0.0
    max_failures: int = 3
    workers: str | None = None
    cache_gb: float = 4.0
    address: str | None = None
    mlflow_uri: str | None = None
    mlflow_experiment: str = "video-emotion"
    mlflow_model: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(
            self,
            batch_size=at_least(2),  # batch normalisation needs two
            max_minutes=at_least(0),
            max_failures=at_least(0),
            cache_gb=at_least(0),
        )

    def full_recipe(self) -> Recipe:
        """Return all options of optimisation, loss and augmentation.

        Raises:
            InputError: if a name of --augment is unknown or its value is not a number.
        """
        return recipe_of(self, parse_augment(pairs(self.augment, flag="augment")))

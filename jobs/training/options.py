"""Options of jobs.train; imports neither torch nor Ray, so that help starts fast."""

from __future__ import annotations

from dataclasses import dataclass

from emotion.ranges import at_least, check_ranges
from emotion.train.recipe import Recipe, RecipeFlags, parse_augment, recipe_of
from jobs.common.command import Address
from jobs.common.flags import pairs

MLFLOW = ("mlflow_uri", "mlflow_experiment", "mlflow_model")
MAY_CHANGE = ("out", "workers", "address", "max_minutes", "max_failures", "cache_gb", *MLFLOW)
"""Flags that may differ when a run is resumed: they do not affect the weights."""


@dataclass(frozen=True)
class ModelAndData:
    """First flags of jobs.train.

    Attributes:
        dataset: Folder that jobs.build_dataset made.
        out: Folder for the run; new, or begun by the same command.
        model: Name of the model: r3d_lite, r3d_18, mc3_18, r2plus1d_18, s3d, mvit_v2_s, swin3d_t,
            cnn_mean, cnn_lstm, cnn_gru or cnn_attention.
        model_args: Arguments of the model, such as backbone=resnet50 hidden=256.
        pretrained: Weights to start from: none, torchvision's weights by name (KINETICS400_V1,
            IMAGENET1K_V1), or a weights file or another run's package by path or s3://.
        labels: Labels that the dataset must have, in order, between commas; default: any.
    """

    dataset: Address
    out: Address
    model: str = "r3d_lite"
    model_args: tuple[str, ...] = ()
    pretrained: str = "none"
    labels: str | None = None


@dataclass(frozen=True)
class Config(RecipeFlags, ModelAndData):  # help lists the flags of the last base first
    """Flags of jobs.train.

    Attributes:
        augment: Changes to the default augmentation, such as rotate_deg=20 blur=0.3; see
            docs/training.md.
        batch_size: Clips per batch, over all workers.
        seed: Seed of weights, order and augmentation.
        max_minutes: Minutes after which no new epoch begins; 0: no limit.
        max_failures: How often workers that died are started again.
        workers: Number of processes, such as 4, or a range, such as 2-8, for an elastic run;
            default: one per GPU, or one that uses all cores.
        cache_gb: Largest size of all decoded clips, over all workers, at which they are kept in
            memory; larger datasets are read anew in each epoch.
        address: Ray cluster to join; default: $RAY_ADDRESS, else a local Ray.
        mlflow_uri: MLflow tracking server, or sqlite:///FILE; default: TensorBoard's files only.
        mlflow_experiment: MLflow experiment; made if it does not exist.
        mlflow_model: Name of the registered MLflow model; default: that of the experiment.
    """

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

    def recipe(self) -> Recipe:
        """Return the options that affect the fitting of weights.

        Raises:
            InputError: on an --augment that is unknown or no number.
        """
        return recipe_of(self, parse_augment(pairs(self.augment, flag="augment")))

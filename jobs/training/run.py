"""A training run: its options, its plan, its workers, its package."""

from __future__ import annotations

import math
import sys
from dataclasses import asdict, dataclass, fields, replace

from emotion import storage
from emotion.errors import InputError
from emotion.labels import parse_labels
from emotion.models.registry import build_model, model_args
from emotion.ranges import at_least, check_ranges
from emotion.train.augment import parse_augment
from emotion.train.checkpoint import EpochRow
from emotion.train.pretrained import Loaded, load_pretrained
from emotion.train.recipe import Balance, Loss, Precision, Recipe
from emotion.versions import git_commit
from jobs.common import cluster
from jobs.common.command import Address, masked, pairs
from jobs.ledger import output
from jobs.training.fit import Fitted, OnEpoch, Workers, epoch_line, fit, nothing
from jobs.training.input import TrainInput, read_input
from jobs.training.mlflow_run import Tracker, begin_tracking
from jobs.training.output import make_package, write_outputs
from jobs.training.tensorboard import Curves
from jobs.training.worker import WorkerPlan

MLFLOW = ("mlflow_uri", "mlflow_experiment", "mlflow_model")


MAY_CHANGE = ("out", "workers", "address", "max_minutes", "max_failures", "cache_gb", *MLFLOW)
"""Flags that may differ when a run goes on: they do not decide what is learnt."""


@dataclass(frozen=True)
class Config:
    """What to train on what; the defaults are the recipe.

    Attributes:
        dataset: Folder that jobs.build_dataset made.
        out: Folder for the run; new, or begun by the same command.
        model: r3d_lite, r3d_18, mc3_18, r2plus1d_18, s3d, mvit_v2_s, swin3d_t, cnn_mean,
            cnn_lstm, cnn_gru or cnn_attention.
        model_args: Arguments of the model, such as backbone=resnet50 hidden=256.
        pretrained: none, torchvision's weights by name (KINETICS400_V1, IMAGENET1K_V1), or a
            weights file or another run's package by path or s3://.
        labels: Labels that the dataset must have, in order, between commas; default: any.
        epochs: Passes over the train split.
        batch_size: Clips per batch over all workers.
        accumulate: Batches per step.
        lr: Highest learning rate.
        weight_decay: Of AdamW.
        warmup: Share of the steps in which the learning rate rises.
        label_smoothing: Share of the target spread over all labels.
        max_grad_norm: Gradients are scaled down to this norm.
        ema_decay: Of the moving average of the weights, such as 0.995; 0: none.
        mixup: Alpha of blending clips; 0: none.
        cutmix: Alpha of pasting boxes of clips; 0: none.
        loss: cross_entropy or focal.
        focal_gamma: Of the focal loss.
        balance: How rare labels count: weights in the loss, sampling, or none.
        backbone_lr: Learning rate of the pretrained part, as a share of --lr.
        freeze_epochs: The pretrained part does not learn in these first epochs.
        patience: Ends after as many epochs without a better val UAR; 0: never.
        augment: Changes to the augmentation, such as rotate_deg=20 blur=0.3; see the docs.
        precision: auto (bf16 on GPUs that have it, else fp32), fp32, bf16 or fp16.
        channels_last: Memory order of clips and weights; default: on GPUs.
        compile: Let torch.compile fuse the model.
        seed: Of weights, order and augmentation.
        max_minutes: No new epoch begins after these; 0: no limit.
        max_failures: Workers that die are started again as often.
        workers: Processes, as 4 or, elastic, 2-8; default: one per GPU, or one that uses all cores.
        cache_gb: Decoded clips are kept in memory, over all workers, if they take at most this.
        address: Ray cluster to join; default: $RAY_ADDRESS, else a local Ray.
        mlflow_uri: MLflow tracking server, or sqlite:///FILE; default: TensorBoard's files only.
        mlflow_experiment: Its experiment; made if there is none.
        mlflow_model: Name of the registered model; default: the experiment's.
    """

    dataset: Address
    out: Address
    model: str = "r3d_lite"
    model_args: tuple[str, ...] = ()
    pretrained: str = "none"
    labels: str | None = None
    epochs: int = 60
    batch_size: int = 16
    accumulate: int = 1
    lr: float = 2e-3
    weight_decay: float = 0.05
    warmup: float = 0.08
    label_smoothing: float = 0.05
    max_grad_norm: float = 2.0
    ema_decay: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    loss: Loss = "cross_entropy"
    focal_gamma: float = 2.0
    balance: Balance = "weights"
    backbone_lr: float = 1.0
    freeze_epochs: int = 0
    patience: int = 0
    augment: tuple[str, ...] = ()
    precision: Precision = "auto"
    channels_last: bool | None = None
    compile: bool = False
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
        check_ranges(
            self,
            epochs=at_least(1),
            batch_size=at_least(2),  # batch normalisation needs two
            max_minutes=at_least(0),
            max_failures=at_least(0),
            cache_gb=at_least(0),
        )

    def recipe(self) -> Recipe:
        """What of it decides how weights are fitted.

        Raises:
            InputError: if a value is out of its range.
        """
        same = {f.name for f in fields(Recipe)} - {"augment"}
        chosen = {name: value for name, value in vars(self).items() if name in same}
        return Recipe(**chosen, augment=parse_augment(pairs(self.augment, flag="augment")))


def claim(config: Config, data: TrainInput) -> None:
    """Take --out for this run: new, or begun by the same command on the same dataset.

    Raises:
        InputError: if it holds something else or cannot be written.
    """
    settings = asdict(config) | {"dataset_digest": data.digest}
    settings["mlflow_uri"] = masked(config.mlflow_uri) if config.mlflow_uri else None
    output.claim(config.out, settings, job="jobs.train", may_change=MAY_CHANGE)


def plan_worker(config: Config, data: TrainInput) -> WorkerPlan:
    """The decisions that every rank must share."""
    decoded_gb = (data.num_train + data.num_val) * math.prod(data.clip_shape) / 1e9
    keep = decoded_gb <= config.cache_gb
    if config.balance == "sampling" and not keep:
        raise InputError(
            f"--balance sampling needs the decoded clips in memory, {decoded_gb:.1f} GB: raise "
            f"--cache-gb, {config.cache_gb} now, or take --balance weights"
        )
    return WorkerPlan(
        model=config.model,
        args=model_args(config.model, pairs(config.model_args, flag="model-args")),
        pretrained=config.pretrained,
        labels=data.labels,
        recipe=config.recipe(),
        batch_size=config.batch_size,
        num_train=data.num_train,
        train_counts=data.train_counts,
        keep=keep,
        seed=config.seed,
        max_minutes=config.max_minutes,
        git_commit=git_commit(),
    )


def read_dataset(config: Config) -> TrainInput:
    """What there is to learn from, or an InputError that says why it cannot be."""
    labels = parse_labels(config.labels) if config.labels else None
    return read_input(config.dataset, labels=labels)


def starting_weights(plan: WorkerPlan) -> Loaded:
    """What the model begins with; a wrong value or weights that cannot be had are said here.

    Raises:
        InputError: if the model cannot be built so, or the weights are not there or do not fit.
    """
    model = build_model(plan.model, len(plan.labels), plan.args)
    backbone = str(plan.args.get("backbone", ""))
    return load_pretrained(model, plan.model, plan.pretrained, backbone=backbone)


def train(
    config: Config,
    data: TrainInput,
    plan: WorkerPlan,
    loaded: Loaded,
    *,
    tracker: Tracker | None = None,
    runs: int = 1,
    heard: OnEpoch = nothing,
) -> Fitted:
    """Run the workers, beside other ``runs``; write what the best epoch left, unless halted."""
    epochs = plan.recipe.epochs
    with cluster.session(config.address), Curves(storage.join(config.out, "tensorboard")) as curves:

        def on_epoch(row: EpochRow, best_epoch: int, fresh: bool) -> None:
            curves.add(row)
            if tracker:
                tracker.add(row)
            if fresh:
                print(epoch_line(row, epochs=epochs, best_epoch=best_epoch), flush=True)
            heard(row, best_epoch, fresh)

        fitted = fit(
            replace(plan, runs_here=-(-runs // cluster.cluster_nodes())),
            data,
            workers=Workers.parse(config.workers, runs=runs),
            out=config.out,
            max_failures=config.max_failures,
            on_epoch=on_epoch,
            initial=loaded.taken,
        )
    if fitted.halted:
        return fitted
    state = fitted.state
    package = make_package(state, data, plan, workers=config.workers or "auto", loaded=loaded)
    write_outputs(config.out, state, package, fault=fitted.fault)
    if tracker:
        tracker.finish(config.out, state.history)
    best = state.best_row
    print(
        f"trained {len(state.history)} epochs; best is epoch {best.epoch}: "
        f"val uar {best.val_uar:.3f}, war {best.val_war:.3f} (clips)\n"
        f"model {package.model_id}: {config.out}/package"
    )
    return fitted


def run(config: Config) -> int:
    """Train, or go on, or say that there is nothing left to do."""
    data = read_dataset(config)
    plan = plan_worker(config, data)
    done = storage.exists(storage.join(config.out, "metrics.json"))
    loaded = starting_weights(replace(plan, pretrained="none") if done else plan)
    claim(config, data)
    tracker = begin_tracking(vars(config), data, plan, may_change=MAY_CHANGE)
    if done:
        print(f"{config.out} is finished: nothing to do; its model is {config.out}/package")
        if tracker:
            tracker.finish(config.out)
        return 0
    if loaded.taken:
        print(loaded)
    print(
        f"training {config.model} on {data.num_train} clips of {data.train_subjects} subjects, "
        f"choosing on {data.num_val} clips of {data.val_subjects}"
    )
    if data.missing_in_val:
        missing = ", ".join(data.missing_in_val)
        print(f"warning: val has no clip of {missing}: val UAR is over the other labels")
    fitted = train(config, data, plan, loaded, tracker=tracker)
    if fitted.fault is None:
        return 0
    kept = f"the best of {len(fitted.state.history)} epochs is kept in {config.out}/package"
    print(f"error: {fitted.fault}; {kept}", file=sys.stderr)
    return 2

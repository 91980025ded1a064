"""Train a model on a dataset's clips and write a model package.

    python -m jobs.train --dataset URI --out URI

Each URI is a local path or s3://. Leaves OUT/package, metrics.json, checkpoints/, tensorboard/ and
config.json. The same command again goes on from the last checkpoint; a finished run stays as it
is. Weights are chosen on the val split; the test split is never read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from emotion import storage
from emotion.errors import InputError
from emotion.labels import parse_labels
from emotion.learn.loop import Recipe
from emotion.learn.models import build_model, default_args
from jobs import _ray
from jobs._cli import one_line_errors, parse
from jobs._train_fit import count_workers, fit
from jobs._train_input import TrainInput, read_input
from jobs._train_output import make_package, write_outputs
from jobs._train_worker import WorkerPlan

MAY_CHANGE = ("out", "workers", "address", "max_minutes", "cache_gb")
"""Flags that may differ when a run goes on: they do not decide what is learnt."""


@dataclass(frozen=True)
class Config:
    """What to train on what; the defaults are the recipe.

    Attributes:
        dataset: Folder that jobs.build_dataset made.
        out: Folder for the run; new, or begun by the same command.
        model: r3d_lite, r3d_18, mc3_18 or r2plus1d_18.
        pretrained: none, kinetics400 (torchvision's weights) or a weights file.
        labels: Labels that the dataset must have, in order, between commas; default: any.
        epochs: Passes over the train split.
        batch_size: Clips per step over all workers.
        lr: Highest learning rate.
        seed: Of weights, order and augmentation.
        max_minutes: No new epoch begins after these; 0: no limit.
        workers: Processes; default: one per GPU, or one that uses all cores.
        cache_gb: Decoded clips are kept in memory, over all workers, if they take at most this.
        address: Ray cluster to join; default: $RAY_ADDRESS, else a local Ray.
    """

    dataset: str
    out: str
    model: str = "r3d_lite"
    pretrained: str = "none"
    labels: str | None = None
    epochs: int = 60
    batch_size: int = 16
    lr: float = 2e-3
    seed: int = 0
    max_minutes: float = 0.0
    workers: int | None = None
    cache_gb: float = 4.0
    address: str | None = None

    def __post_init__(self) -> None:
        checks = {
            "epochs": self.epochs >= 1,
            "batch_size": self.batch_size >= 2,  # batch normalisation needs two
            "lr": self.lr > 0,
            "max_minutes": self.max_minutes >= 0,
            "workers": self.workers is None or self.workers >= 1,
            "cache_gb": self.cache_gb >= 0,
        }
        for name, good in checks.items():
            if not good:
                flag = name.replace("_", "-")
                raise InputError(f"--{flag} is {getattr(self, name)}, out of range; see --help")


def claim(config: Config, data: TrainInput) -> None:
    """Take --out for this run: new, or begun by the same command on the same dataset.

    Raises:
        InputError: if it holds something else or cannot be written.
    """
    uri = storage.join(config.out, "config.json")
    now = asdict(config) | {"dataset_digest": data.digest}
    if storage.exists(uri):
        before = storage.read_json(uri)
        changed = [k for k in now if k not in MAY_CHANGE and before.get(k) != now[k]]
        if changed:
            what = ", ".join(f"{k} {before.get(k)!r}, now {now[k]!r}" for k in changed)
            raise InputError(f"--out {config.out} was begun with {what}; name a new --out")
        return
    if storage.is_folder(config.out) and storage.list_files(config.out):
        raise InputError(f"--out {config.out} holds files of something else; name a new --out")
    storage.check_writable(config.out)
    storage.write_json(uri, now)


def plan_worker(config: Config, data: TrainInput, *, workers: int) -> WorkerPlan:
    """The decisions that every rank must share."""
    per_rank = max(2, config.batch_size // workers)
    decoded_gb = (data.num_train + data.num_val) * math.prod(data.clip_shape) / 1e9
    return WorkerPlan(
        model=config.model,
        args=default_args(config.model),
        pretrained=config.pretrained,
        labels=data.labels,
        recipe=Recipe(epochs=config.epochs, lr=config.lr),
        batch_size=per_rank,
        steps=max(1, data.num_train // workers // per_rank),
        train_counts=data.train_counts,
        keep=decoded_gb <= config.cache_gb,
        seed=config.seed,
        max_minutes=config.max_minutes,
    )


def run(config: Config) -> int:
    """Train, or go on, or say that there is nothing left to do."""
    labels = parse_labels(config.labels) if config.labels else None
    data = read_input(config.dataset, labels=labels)
    build_model(config.model, len(data.labels), {})  # a wrong name is said before Ray starts
    claim(config, data)
    if storage.exists(storage.join(config.out, "metrics.json")):
        print(f"{config.out} is finished: nothing to do; its model is {config.out}/package")
        return 0
    print(
        f"training {config.model} on {data.num_train} clips of {data.train_subjects} subjects, "
        f"choosing on {data.num_val} clips of {data.val_subjects}"
    )
    with _ray.session(config.address):
        workers = count_workers(config.workers)
        plan = plan_worker(config, data, workers=workers)
        state = fit(plan, data, workers=workers, out=config.out)
    package = make_package(state, data, plan)
    write_outputs(config.out, state, package)
    best = state.best_row
    print(
        f"trained {len(state.history)} epochs; best is epoch {best.epoch}: "
        f"val uar {best.val_uar:.3f}, war {best.val_war:.3f} (clips)\n"
        f"model {package.model_id}: {config.out}/package"
    )
    return 0


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; 0 when the package is written."""
    config = parse(Config, argv, doc=__doc__)
    return run(
        replace(config, dataset=storage.absolute(config.dataset), out=storage.absolute(config.out))
    )


if __name__ == "__main__":
    raise SystemExit(main())

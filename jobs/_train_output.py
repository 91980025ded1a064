"""What a training run leaves: the model package, metrics.json and TensorBoard curves."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from tensorboardX import SummaryWriter  # type: ignore[import-untyped]  # comes with ray[tune]

from emotion import storage
from emotion.learn.metrics import scores
from emotion.learn.package import ModelPackage, save_package, versions, weights_bytes
from emotion.learn.state import EpochRow, RunState
from jobs._train_input import TrainInput
from jobs._train_worker import WorkerPlan


def make_package(state: RunState, data: TrainInput, plan: WorkerPlan) -> ModelPackage:
    """The best epoch's weights with the facts of the run."""
    best = state.best_row
    found = scores(np.array(best.val_confusion, np.int64), data.labels)
    training = {
        "dataset_digest": data.digest,
        "train_clips": data.num_train,
        "train_subjects": data.train_subjects,
        "val_clips": data.num_val,
        "val_subjects": data.val_subjects,
        "epochs": len(state.history),
        "best_epoch": best.epoch,
        "wall_s": round(sum(row.wall_s for row in state.history), 1),
        "batch_size": plan.batch_size,
        "lr": plan.recipe.lr,
        "pretrained": plan.pretrained,
        "seed": plan.seed,
    }
    return ModelPackage(
        name=plan.model,
        args=plan.args,
        labels=data.labels,
        spec=data.spec,
        weights=weights_bytes(state.best),
        training=training,
        metrics={"split": "val", "unit": "clip", "loss": best.val_loss} | found.to_json(),
        versions=versions(),
    )


def write_outputs(out: str, state: RunState, package: ModelPackage) -> None:
    """Everything beside the checkpoints; ``metrics.json`` last, as the mark of a finished run."""
    save_package(storage.join(out, "package"), package)
    write_curves(storage.join(out, "tensorboard"), state.history)
    metrics = {
        "model_id": package.model_id,
        "best_epoch": state.best_epoch,
        "val": dict(package.metrics),
        "history": [dataclasses.asdict(row) for row in state.history],
        "note": "weights were chosen on val; the test split was not read: see jobs.evaluate",
    }
    storage.write_json(storage.join(out, "metrics.json"), metrics)


def write_curves(uri: str, history: list[EpochRow]) -> None:
    """TensorBoard scalars, one point per epoch."""
    names = ("train_loss", "val_loss", "val_war", "val_uar", "clips_per_s")
    with tempfile.TemporaryDirectory() as folder:
        with SummaryWriter(folder) as writer:
            for row in history:
                values: dict[str, Any] = dataclasses.asdict(row)
                for name in names:
                    writer.add_scalar(name, values[name], row.epoch)
        for file in Path(folder).iterdir():
            storage.put_file(file, storage.join(uri, "events.out.tfevents.run"))

"""Results of a training run: the model package and metrics.json."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np

from emotion import storage
from emotion.evaluate.calibration import fit_temperature, softmax
from emotion.evaluate.metrics import scores
from emotion.evaluate.risk_coverage import choose_margin
from emotion.evaluate.val_figures import clip_outcomes, val_figures
from emotion.models.own import distributions, is_own
from emotion.package.domain import dataset_domain
from emotion.package.model_package import (
    ModelPackage,
    package_versions,
    save_package,
    weights_bytes,
)
from emotion.package.seen import union
from emotion.package.trust import MeasuredOn, Trust
from emotion.predict.drift import label_profile, measured_profile
from emotion.predict.profiles import face_profiles, profiles_to_json
from emotion.train.checkpoint import RunState
from emotion.train.history import predicted_counts, run_cost
from emotion.train.pretrained import PretrainedWeights
from jobs.training.input import TrainInput
from jobs.training.val_clips import SLICED, read_clips, read_corpora, read_seen, split_videos
from jobs.training.worker import WorkerPlan


def make_package(
    state: RunState,
    data: TrainInput,
    plan: WorkerPlan,
    *,
    workers: str,
    pretrained: PretrainedWeights,
    domain: str | None = None,
) -> ModelPackage:
    """Return the package with the weights of the best epoch and the facts of the run.

    ``domain`` is the kind of faces in the dataset; None takes that of its videos.
    """
    temperature = fit_temperature(state.logits, state.targets)
    metrics = _metrics(state, data, temperature)
    return ModelPackage(
        name=plan.model,
        args=plan.args,
        labels=data.labels,
        spec=data.spec,
        weights=weights_bytes(state.best),
        temperature=temperature,
        training=_facts(state, data, plan)
        | {"workers": workers}
        | ({"model_code": distributions(plan.model)} if is_own(plan.model) else {})
        | _sources(data, plan, pretrained)
        | {"baseline": _baseline(state, data, temperature)},
        metrics=metrics,
        versions=package_versions(),
        trust=_trust(state, data, temperature, metrics, domain=domain),
    )


def _trust(
    state: RunState,
    data: TrainInput,
    temperature: float,
    metrics: Mapping[str, Any],
    *,
    domain: str | None,
) -> Trust:
    """Return the domain of the dataset, and the margin and figures on its val clips."""
    probs_NK = softmax(state.logits, temperature=temperature)
    per_class = metrics["per_class"].items()
    on_val = MeasuredOn(
        name=f"val of {dataset_name(data)}",
        unit="clips",
        num=data.num_val,
        date=datetime.now(UTC).date().isoformat(),
        war=metrics["war"],
        uar=metrics["uar"],
        recall={label: one["recall"] for label, one in per_class if one["support"]},
    )
    return Trust(
        domain=domain or dataset_domain(data.uri),
        margin=choose_margin(probs_NK, probs_NK.argmax(axis=1) == state.targets),
        figures=(on_val,),
    )


def _metrics(state: RunState, data: TrainInput, temperature: float) -> dict[str, Any]:
    """Return the figures of the best epoch over val clips, with intervals and slices.

    The intervals come from a bootstrap over people.
    """
    best = state.best_row
    val_scores = scores(np.array(best.val_confusion, np.int64), data.labels)
    outcomes = clip_outcomes(
        state.logits,
        state.targets,
        state.clip_ids,
        read_clips(data.uri, split="val"),
        labels=data.labels,
        temperature=temperature,
    )
    figures = val_figures(outcomes, labels=data.labels, columns=SLICED)
    head = {"split": "val", "unit": "clip", "loss": best.val_loss}
    return head | figures | val_scores.to_json()


def _baseline(state: RunState, data: TrainInput, temperature: float) -> dict[str, Any]:
    """Return the baseline for jobs.drift: predictions on val, and faces of the training videos."""
    probs_NK = softmax(state.logits, temperature=temperature)
    answers = {
        "label": label_profile(predicted_counts(probs_NK, data.labels), data.labels),
        "confidence": measured_profile("confidence", probs_NK.max(axis=1)),
    }
    return profiles_to_json(
        answers | face_profiles(data.uri, video_ids=split_videos(data.uri, "train"))
    )


def _sources(data: TrainInput, plan: WorkerPlan, pretrained: PretrainedWeights) -> dict[str, Any]:
    """Return the sources of data, weights and code."""
    seen = union((read_seen(data.uri), pretrained.seen))
    return {
        "split_by": data.split_by,
        "corpora": read_corpora(data.uri),
        "seen": seen.to_json() if seen else None,
        "pretrained": plan.pretrained,
        "pretrained_report": pretrained.to_json() if pretrained.taken else None,
        "git_commit": plan.git_commit,
    }


def dataset_name(data: TrainInput) -> str:
    """Return the last part of the dataset's address."""
    return data.uri.rstrip("/").rsplit("/", 1)[-1]


def _facts(state: RunState, data: TrainInput, plan: WorkerPlan) -> dict[str, Any]:
    rows = state.history
    return {
        "dataset": dataset_name(data),
        "dataset_digest": data.digest,
        "train_clips": data.num_train,
        "train_subjects": data.train_subjects,
        "train_counts": dict(zip(data.labels, data.train_counts, strict=True)),
        "val_clips": data.num_val,
        "val_subjects": data.val_subjects,
        "val_counts": dict(zip(data.labels, data.val_counts, strict=True)),
        "test_clips": sum(data.test_counts),
        "test_subjects": data.test_subjects,
        "test_counts": dict(zip(data.labels, data.test_counts, strict=True)),
        "epochs": len(rows),
        "best_epoch": state.best_epoch,
        **run_cost(rows),
        "batch_size": plan.batch_size,
        "lr": plan.recipe.lr,
        "recipe": dataclasses.asdict(plan.recipe),
        "seed": plan.seed,
        "num_parameters": sum(v.numel() for v in state.best.values() if v.is_floating_point()),
    }


def write_outputs(out: str, state: RunState, package: ModelPackage, *, fault: str | None) -> None:
    """Write the package, then ``metrics.json``, which marks a finished run.

    If the run stopped with an error (``fault``), write only the package of the best epoch so far.
    """
    save_package(storage.join(out, "package"), package)
    if fault is not None:
        return
    metrics = {
        "model_id": package.model_id,
        "best_epoch": state.best_epoch,
        "val": dict(package.metrics),
        "history": [dataclasses.asdict(row) for row in state.history],
        "note": "weights were chosen on val; the test split was not read: see jobs.evaluate",
    }
    storage.write_json(storage.join(out, "metrics.json"), metrics)

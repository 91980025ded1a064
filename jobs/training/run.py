"""Training run on the driver: check the inputs, plan, run the workers, write the package."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace

from emotion import storage
from emotion.errors import InputError
from emotion.labels import parse_labels
from emotion.models.frame_cnn import BACKBONE_ARGS
from emotion.models.own import allow, check_answers, is_own
from emotion.models.registry import ModelArg, build_model, import_path, model_args
from emotion.nouns import counted
from emotion.package.model_package import load_package
from emotion.train.history import EpochRow
from emotion.train.learner import check_trunk
from emotion.train.pretrained import PretrainedWeights, load_pretrained, package_address
from emotion.versions import git_commit
from jobs.common import cluster
from jobs.common.command import masked
from jobs.common.flags import pairs
from jobs.ledger import output
from jobs.training.fit import FitResult, OnEpochEnd, WorkerCount, epoch_line, fit
from jobs.training.input import TrainInput, read_input
from jobs.training.mlflow_run import Tracker, begin_tracking
from jobs.training.options import MAY_CHANGE, Config
from jobs.training.output import make_package, write_outputs
from jobs.training.tensorboard import Curves
from jobs.training.worker import WorkerPlan


def claim(config: Config, data: TrainInput) -> None:
    """Check that this run may write into --out, and store its flags there.

    --out must be new, or begun by the same command on the same dataset.

    Raises:
        InputError: if --out holds anything else or cannot be written.
    """
    settings = asdict(config) | {"dataset_digest": data.digest}
    settings["mlflow_uri"] = masked(config.mlflow_uri) if config.mlflow_uri else None
    output.claim(config.out, settings, job="jobs.train", may_change=MAY_CHANGE)


def plan_worker(config: Config, data: TrainInput) -> WorkerPlan:
    """Return the plan that every rank follows.

    Raises:
        InputError: if --model, --model-args or --augment has a wrong value, or --balance sampling
            needs more memory than --cache-gb.
    """
    keep_decoded = data.decoded_gb <= config.cache_gb
    if config.balance == "sampling" and not keep_decoded:
        raise InputError(
            f"--balance sampling needs the decoded clips in memory, {data.decoded_gb:.1f} GB: "
            f"raise --cache-gb, {config.cache_gb} now, or take --balance weights"
        )
    model = import_path(config.model)
    args = model_args(model, pairs(config.model_args, flag="model-args"))
    return WorkerPlan(
        dataset=data.uri,
        clip_shape=data.clip_shape,
        model=model,
        args=args | backbone_args(config),
        pretrained=config.pretrained,
        labels=data.labels,
        recipe=config.full_recipe(),
        batch_size=config.batch_size,
        num_train=data.num_train,
        train_counts=data.train_counts,
        keep_decoded=keep_decoded,
        seed=config.seed,
        max_minutes=config.max_minutes,
        git_commit=git_commit(),
    )


def backbone_args(config: Config) -> dict[str, ModelArg]:
    """Return the arguments that give a model ``cnn_*`` the backbone of the package it starts from.

    If the package holds another model, the new head reads the backbone's features and their
    changes (``features=both``), of every second frame, as ``r3d_lite`` does: features of single
    pictures say more about the person than about the expression, and each frame costs 30 ms.
    An argument in ``--model-args`` stays as it is there. If the model does not start from a
    package, nothing is returned.

    Raises:
        InputError: if there is no default package, or the package is broken.
    """
    source = package_address(config.pretrained)
    if source is None or not config.model.startswith("cnn_"):
        return {}
    given, package = pairs(config.model_args, flag="model-args"), load_package(source)
    stored = {k: v for k, v in package.args.items() if k in BACKBONE_ARGS}
    if package.name == config.model:
        stored["features"] = package.args.get("features", "frames")
        stored["frame_step"] = package.args.get("frame_step", 1)
    else:
        stored |= {"features": "both", "frame_step": 2}
    return {k: v for k, v in stored.items() if k not in given}


def read_dataset(config: Config) -> TrainInput:
    """Check the dataset and count its clips.

    Raises:
        InputError: if the dataset cannot be used for training, see ``read_input``.
    """
    labels = parse_labels(config.labels) if config.labels else None
    return read_input(config.dataset, labels=labels)


def starting_weights(plan: WorkerPlan) -> PretrainedWeights:
    """Read the pretrained weights on the driver, so that errors appear before workers start.

    Raises:
        InputError: if the model cannot be built, or the weights do not exist or do not match it.
    """
    check_trunk(plan.model, plan.recipe)
    model = build_model(plan.model, len(plan.labels), plan.args)
    if is_own(plan.model):
        allow(plan.model)  # crossval loads the package in this process
        check_answers(model, plan.model, plan.clip_shape[:3], len(plan.labels))
    backbone = str(plan.args.get("backbone", ""))
    return load_pretrained(model, plan.model, plan.pretrained, backbone=backbone)


def train(
    config: Config,
    data: TrainInput,
    plan: WorkerPlan,
    pretrained: PretrainedWeights,
    *,
    tracker: Tracker | None = None,
    runs: int = 1,
    on_epoch_end: OnEpochEnd | None = None,
) -> FitResult:
    """Run the workers, then write the package of the best epoch.

    If the run was halted (stopped on request), no package is written.

    Args:
        config: flags of the run.
        data: the dataset.
        plan: plan of the workers.
        pretrained: weights to start from.
        tracker: sender of the epochs to MLflow; None: no MLflow.
        runs: number of runs that share the cluster.
        on_epoch_end: callback after an epoch is in TensorBoard and MLflow.
    """
    epochs = plan.recipe.epochs
    with cluster.session(config.address), Curves(storage.join(config.out, "tensorboard")) as curves:

        def write_row(row: EpochRow, best_epoch: int, is_new: bool) -> None:
            curves.add(row)
            if tracker:
                tracker.add(row)
            if is_new:
                print(epoch_line(row, epochs=epochs, best_epoch=best_epoch), flush=True)
            if on_epoch_end:
                on_epoch_end(row, best_epoch, is_new)

        result = fit(
            replace(plan, runs_here=-(-runs // cluster.cluster_nodes())),
            workers=WorkerCount.parse(config.workers, runs=runs),
            out=config.out,
            max_failures=config.max_failures,
            on_epoch_end=write_row,
            initial=pretrained.taken,
        )
    if result.halted:
        return result
    state = result.state
    workers = config.workers or "auto"
    package = make_package(
        state, data, plan, workers=workers, pretrained=pretrained, domain=config.domain
    )
    write_outputs(config.out, state, package, fault=result.fault)
    if tracker:
        tracker.finish(config.out, state.history)
    best, num_epochs, of = state.best_row, len(state.history), plan.recipe.epochs
    why = ""
    if num_epochs < of and state.stale(plan.recipe.patience):
        why = f" of {of}, because {plan.recipe.patience} brought no better val uar"
    elif num_epochs < of:
        why = f" of {of}, because of --max-minutes or a stop"
    chance = 1 / sum(1 for count in data.val_counts if count)
    print(
        f"trained {num_epochs} epochs{why}; best is epoch {best.epoch}: "
        f"val uar {best.val_uar:.3f} (guessing: {chance:.3f}), war {best.val_war:.3f} (clips)\n"
        f"model {package.model_id}: {config.out}/package"
    )
    return result


def run(config: Config) -> int:
    """Train or resume; return 0 if the run is finished, 2 if it stopped with an error.

    Raises:
        InputError: if the input is wrong, or an error occurs before the end of the first epoch.
    """
    data = read_dataset(config)
    plan = plan_worker(config, data)
    done = storage.exists(storage.join(config.out, "metrics.json"))
    pretrained = starting_weights(replace(plan, pretrained="none") if done else plan)
    claim(config, data)
    tracker = begin_tracking(vars(config), data, plan, may_change=MAY_CHANGE)
    if done:
        print(f"{config.out} is finished: nothing to do; its model is {config.out}/package")
        if tracker:
            tracker.finish(config.out)
        return 0
    if pretrained.taken:
        print(pretrained)
    print(
        f"training {config.model} on {counted(data.num_train, 'clip')} of "
        f"{counted(data.train_subjects, 'subject')}, "
        f"choosing on {counted(data.num_val, 'clip')} of {data.val_subjects}; the first epoch "
        "takes longest",
        flush=True,
    )
    if data.missing_in_val:
        missing = ", ".join(data.missing_in_val)
        print(f"warning: val has no clip of {missing}: val UAR is over the other labels")
    result = train(config, data, plan, pretrained, tracker=tracker)
    if result.fault is None:
        return 0
    kept = f"the best of {len(result.state.history)} epochs is kept in {config.out}/package"
    print(f"error: {result.fault}; {kept}", file=sys.stderr)
    return 2

"""Run of jobs.train in MLflow: parameters, metrics, artifacts and a model version.

A server that becomes unreachable does not stop the training. Data that could not be sent is kept
and sent later. At the end a warning lists the data that is still missing; the same command again
sends it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from emotion import storage
from emotion.train.history import EpochRow
from jobs.common.command import masked
from jobs.training.input import TrainInput
from jobs.training.mlflow_client import (
    connect,
    dotted_names,
    faults,
    flat_numbers,
    no_answer,
    send_file,
)
from jobs.training.worker import WorkerPlan

RETRY_S = 60.0
"""Seconds to wait before the next request after an error, so that epochs are not delayed."""

MAX_FAILED_STEPS = 2
"""Number of failed steps at the end of a run after which the remaining steps are skipped."""

READY_S = 60
"""Longest time in seconds to wait for a new model version."""

SCALARS = ("train_loss", "val_loss", "val_war", "val_uar", "clips_per_s", "lr", "wall_s")
RUN_FILE = "mlflow.json"


@dataclass(frozen=True)
class Target:
    """Destination in MLflow.

    Attributes:
        uri: tracking server, or the database of a local MLflow (sqlite:///...).
        experiment: name of the experiment; it is created if it does not exist.
        model: name of the registered model; it is created if it does not exist.
    """

    uri: str
    experiment: str
    model: str


class Tracker:
    """Sender of one run to MLflow; it keeps data that could not be sent and retries.

    Arguments of the constructor: ``sent`` holds the epochs whose metrics MLflow already has.
    ``done`` is True if MLflow already has the whole run.
    """

    def __init__(
        self, client: Any, run_id: str, target: Target, *, sent: Iterable[int], done: bool = False
    ) -> None:
        self.run_id = run_id
        self._client, self._target, self._done = client, target, done
        self._sent = set(sent)
        self._waiting: dict[int, EpochRow] = {}
        self._missing: list[str] = []
        self._fault: str | None = None
        self._retry_at = 0.0

    def add(self, row: EpochRow) -> None:
        """Send an epoch's metrics, unless an earlier start of the run sent them."""
        if row.epoch not in self._sent:
            self._waiting[row.epoch] = row
        if time.monotonic() >= self._retry_at:
            self._send_waiting()

    def _send_waiting(self) -> None:
        for epoch, row in sorted(self._waiting.items()):
            if not self._try(partial(self._log, scalars(row), step=row.epoch)):
                return
            self._sent.add(epoch)
            del self._waiting[epoch]

    def _log(self, values: Mapping[str, float], *, step: int) -> None:
        from mlflow.entities import Metric

        now_ms = int(time.time() * 1000)
        metrics = [Metric(name, value, now_ms, step) for name, value in values.items()]
        self._client.log_batch(self.run_id, metrics=metrics)

    def _try(self, send: Callable[[], object]) -> bool:
        """Return True if ``send`` succeeded; warn at the first error."""
        try:
            send()
        except faults() as err:
            line = masked(" ".join(str(err).split()))[:300]
            if self._fault is None:
                _warn(f"MLflow at {masked(self._target.uri)}: {line}; training goes on without it")
            self._fault, self._retry_at = line, time.monotonic() + RETRY_S
            return False
        return True

    def finish(self, out: str, rows: Sequence[EpochRow] = ()) -> None:
        """Send the missing metrics, the package and a model version; print the run or a warning.

        Args:
            out: --out of jobs.train; it holds package/ and, if the run is complete, metrics.json.
            rows: rows of all epochs; empty: they are read from metrics.json.
        """
        if not self._done:
            self._finish(out, rows)
        where = f"MLflow at {masked(self._target.uri)}"
        if not self._missing:
            print(f"{where}: run {self.run_id} of experiment {self._target.experiment}")
            return
        _warn(
            f"{where} lacks {'; '.join(self._missing)} of run {self.run_id} ({self._fault}); the "
            "same command again sends them"
        )

    def _finish(self, out: str, rows: Sequence[EpochRow]) -> None:
        metrics_uri = storage.join(out, "metrics.json")
        whole = storage.exists(metrics_uri)
        if whole and not rows:
            rows = [EpochRow(**row) for row in storage.read_json(metrics_uri)["history"]]
        self._waiting |= {row.epoch: row for row in rows if row.epoch not in self._sent}
        self._send_waiting()
        if self._waiting:
            self._missing.append(f"the metrics of epochs {', '.join(map(str, self._waiting))}")
        steps = self._steps(out, [metrics_uri] if whole else [])
        for name, step in steps.items():
            if len(self._missing) >= MAX_FAILED_STEPS or not self._try(step):
                self._missing.append(name)
        end = partial(self._client.set_terminated, self.run_id, "FINISHED" if whole else "FAILED")
        if not self._missing and not self._try(end):
            self._missing.append("the end")

    def _steps(self, out: str, metrics: Sequence[str]) -> dict[str, Callable[[], object]]:
        package = storage.join(out, "package")
        facts = storage.read_json(storage.join(package, "model.json"))
        figures = flat_numbers(facts["metrics"], prefix="best_val_")
        figures |= {"temperature": facts["temperature"]} if "temperature" in facts else {}
        best = int(facts["training"]["best_epoch"])
        files = [file.uri for file in storage.list_files(package)]
        return {
            "the figures of the best epoch": partial(self._log, figures, step=best),
            "the tags": partial(self._tag, _result_tags(facts)),
            "the package": partial(self._send, files, "package"),
            "metrics.json": partial(self._send, metrics, None),
            "the model version": partial(self._register, facts["model_id"]),
        }

    def _tag(self, tags: Mapping[str, str]) -> None:
        for name, value in tags.items():
            self._client.set_tag(self.run_id, name, value)

    def _send(self, files: Sequence[str], folder: str | None) -> None:
        for uri in files:
            send_file(self._client, self.run_id, uri, folder)

    def _register(self, model_id: str) -> None:
        """Create a model version of the package, unless this run already has one."""
        from mlflow.exceptions import MlflowException

        name = self._target.model
        try:
            self._client.create_registered_model(name)
        except MlflowException as err:
            if err.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        versions = self._client.search_model_versions(f"run_id = '{self.run_id}'")
        if any(v.name == name and v.tags.get("model_id") == model_id for v in versions):
            return
        source = f"{self._client.get_run(self.run_id).info.artifact_uri}/package"
        self._client.create_model_version(
            name, source, self.run_id, tags={"model_id": model_id}, await_creation_for=READY_S
        )


def begin_tracking(
    config: Mapping[str, Any], data: TrainInput, plan: WorkerPlan, *, may_change: Collection[str]
) -> Tracker | None:
    """Begin or resume the run in MLflow; return None without --mlflow-uri.

    Args:
        config: flags of jobs.train by name.
        data: the dataset.
        plan: plan of the workers.
        may_change: names in ``config`` that do not affect the weights; they are not sent.

    Raises:
        InputError: if MLflow is not installed or does not answer.
    """
    if not config["mlflow_uri"]:
        return None
    experiment = config["mlflow_experiment"]
    target = Target(config["mlflow_uri"], experiment, config["mlflow_model"] or experiment)
    plain = {k: v for k, v in config.items() if k not in {*may_change, "augment", "model_args"}}
    params = dotted_names(plain | {"augment": vars(plan.recipe.augment), "args": plan.args})
    return open_tracker(target, config["out"], params=params, tags=_start_tags(data, plan))


def open_tracker(
    target: Target, out: str, *, params: Mapping[str, object], tags: Mapping[str, str]
) -> Tracker:
    """Begin a run in MLflow, or resume the one that OUT/mlflow.json names.

    Args:
        target: destination in MLflow.
        out: --out of jobs.train.
        params: parameters for a new run.
        tags: tags for a new run.

    Raises:
        InputError: if MLflow is not installed or does not answer.
    """
    client = connect(target.uri)
    uri = storage.join(out, RUN_FILE)
    here = {"uri": masked(target.uri), "experiment": target.experiment}
    before = storage.read_json(uri) if storage.exists(uri) else {}
    try:
        if here.items() <= before.items():
            run_id = str(before["run_id"])
            sent = {m.step for m in client.get_metric_history(run_id, "val_loss")}
            done = client.get_run(run_id).info.status == "FINISHED"
            if not done:
                client.update_run(run_id, status="RUNNING")
            return Tracker(client, run_id, target, sent=sent, done=done)
        run_id = _begin(client, target, name=out.rsplit("/", 1)[-1], params=params, tags=tags)
    except faults() as err:
        raise no_answer(target.uri, err) from err
    storage.write_json(uri, here | {"run_id": run_id})
    return Tracker(client, run_id, target, sent=())


def _begin(
    client: Any, target: Target, *, name: str, params: Mapping[str, object], tags: Mapping[str, str]
) -> str:
    from mlflow.entities import Param

    experiment = client.get_experiment_by_name(target.experiment)
    if experiment:
        experiment_id = experiment.experiment_id
    else:
        experiment_id = client.create_experiment(target.experiment)
    run = client.create_run(experiment_id, run_name=name, tags=dict(tags))
    run_id = str(run.info.run_id)
    client.log_batch(run_id, params=[Param(k, str(v)) for k, v in params.items()])
    return run_id


def scalars(row: EpochRow) -> dict[str, float]:
    """Return the figures of an epoch that are sent to MLflow as metrics."""
    return {name: float(getattr(row, name)) for name in SCALARS}


def _start_tags(data: TrainInput, plan: WorkerPlan) -> dict[str, str]:
    """Return the tags that are known before the training."""
    commit = plan.git_commit or ""
    return {
        "dataset_digest": data.digest,
        "spec_digest": data.spec.digest,
        "seed": str(plan.seed),
        "git_commit": commit,
        "mlflow.source.git.commit": commit.removesuffix("-dirty"),
        "mlflow.source.name": "jobs.train",
    }


def _result_tags(facts: Mapping[str, Any]) -> dict[str, str]:
    report = facts["training"].get("pretrained_report") or {}
    tags = {"model_id": facts["model_id"], "architecture": facts["architecture"]}
    tags["git_commit"] = facts["training"]["git_commit"] or ""
    tags |= {f"version.{name}": text for name, text in facts["versions"].items()}
    if report:
        tags["pretrained"] = f"{report['source']}: {report['num_tensors']} tensors"
    return tags


def _warn(line: str) -> None:
    print(f"warning: {line}", file=sys.stderr, flush=True)

"""MLflow: the connection, what may go wrong with it, and an evaluation beside its model's run."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emotion import storage
from emotion.errors import InputError
from jobs.common.command import masked
from jobs.common.faults import storage_errors

ENV = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # its own 7 take minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # with the password, if it has one
}


def connect(uri: str) -> Any:
    """A client whose server has answered; an MlflowClient, which is untyped.

    Raises:
        InputError: if MLflow is not installed or does not answer.
    """
    for name, value in ENV.items():
        os.environ.setdefault(name, value)
    try:
        from mlflow import MlflowClient
    except ImportError as err:
        raise InputError(
            f"--mlflow-uri needs MLflow ({err}): pip install video-emotion[mlflow]"
        ) from err
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        _check_database(uri)
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        client.search_experiments(max_results=1)
    except faults() as err:
        raise no_answer(uri, err) from err
    return client


def _check_database(uri: str) -> None:
    """Open a database once: MLflow would try an unreachable one for minutes."""
    scheme = uri.partition("://")[0].partition("+")[0]
    if scheme not in ("sqlite", "postgresql", "mysql", "mssql"):
        return
    try:
        import sqlalchemy
    except ImportError:
        raise InputError(
            f"--mlflow-uri {masked(uri)} is a database, which needs the whole MLflow: "
            "pip install mlflow; a tracking server needs video-emotion[mlflow] only"
        ) from None
    engine = sqlalchemy.create_engine(uri)
    try:
        engine.connect().close()
    finally:
        engine.dispose()


def no_answer(uri: str, err: BaseException) -> InputError:
    """Return the error for a server that gave no answer of MLflow's."""
    said = masked(" ".join(str(err).split()))
    return InputError(f"--mlflow-uri {masked(uri)} does not answer as MLflow does: {said}")


def faults() -> tuple[type[Exception], ...]:
    """What a server, its storage or its database that is away raises; requests' are OSError."""
    from mlflow.exceptions import MlflowException

    found: tuple[type[Exception], ...] = (MlflowException, ImportError, *storage_errors())
    if "sqlalchemy" in sys.modules:
        found += (sys.modules["sqlalchemy"].exc.SQLAlchemyError,)
    return found


def log_evaluation(uri: str, metrics: Mapping[str, Any], files: Sequence[str]) -> None:
    """Add an evaluation's figures and files to the newest run of its model; say where, or that.

    Args:
        uri: of MLflow.
        metrics: as in its metrics.json.
        files: addresses of what to keep beside the run.

    Raises:
        InputError: if MLflow is not installed or does not answer.
    """
    client, model_id, split = connect(uri), metrics.get("model_id"), metrics["split"]
    try:
        experiments = [one.experiment_id for one in client.search_experiments()]
        wanted = f"tags.model_id = '{model_id}'"
        runs = client.search_runs(experiments, filter_string=wanted, max_results=1)
        if not runs:
            print(f"warning: MLflow at {masked(uri)} has no run of model {model_id}: nothing added")
            return
        run_id = runs[0].info.run_id
        for name, value in flat_numbers(metrics, prefix=f"{split}_").items():
            client.log_metric(run_id, name, value)
        for file in files:
            send_file(client, run_id, file, f"evaluation/{split}")
    except faults() as err:
        raise no_answer(uri, err) from err
    print(f"MLflow at {masked(uri)}: added to run {run_id}")


def send_file(client: Any, run_id: str, uri: str, folder: str | None) -> None:
    """Send one stored file as an artefact below ``folder``."""
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / uri.rsplit("/", 1)[-1]
        path.write_bytes(storage.read_bytes(uri))
        client.log_artifact(run_id, str(path), folder)


def flat_numbers(values: Mapping[str, Any], *, prefix: str) -> dict[str, float]:
    """The plain numbers, and the ends of intervals.

    >>> flat_numbers({"war": 0.5, "war_interval": [0.4, 0.6], "split": "val"}, prefix="val_")
    {'val_war': 0.5, 'val_war_low': 0.4, 'val_war_high': 0.6}
    """
    found: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            found[prefix + name] = float(value)
        elif name.endswith("_interval") and value:
            short = prefix + name.removesuffix("_interval")
            found |= {f"{short}_low": float(value[0]), f"{short}_high": float(value[1])}
    return found


def flat(values: Mapping[str, object], *, prefix: str = "") -> dict[str, object]:
    """Nested names joined by dots.

    >>> flat({"lr": 0.1, "augment": {"flip": 0.5}})
    {'lr': 0.1, 'augment.flip': 0.5}
    """
    found: dict[str, object] = {}
    for name, value in values.items():
        inner = isinstance(value, Mapping)
        found |= flat(value, prefix=f"{prefix}{name}.") if inner else {prefix + name: value}  # type: ignore[arg-type]
    return found

"""Client of MLflow: connection, errors, and sending an evaluation to the run of its model."""

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
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # the default, 7, takes minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # the URL may hold a password
}


def connect(uri: str) -> Any:
    """Return an MlflowClient after its server has answered one request.

    Args:
        uri: address of a tracking server, or of a database such as sqlite:///FILE.

    Raises:
        InputError: if MLflow is not installed or does not answer.
    """
    for name, value in ENV.items():
        os.environ.setdefault(name, value)
    try:
        from mlflow import MlflowClient
    except ImportError as err:
        raise InputError(f"--mlflow-uri needs MLflow ({err}): pip install -e '.[mlflow]'") from err
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
    """Connect to a database once, because MLflow retries an unreachable one for minutes.

    Do nothing for an address that is not a database.
    """
    scheme = uri.partition("://")[0].partition("+")[0]
    if scheme not in ("sqlite", "postgresql", "mysql", "mssql"):
        return
    try:
        import sqlalchemy
    except ImportError:
        raise InputError(
            f"--mlflow-uri {masked(uri)} is a database, which needs the whole MLflow: "
            "pip install mlflow; for a tracking server, pip install -e '.[mlflow]' is enough"
        ) from None
    engine = sqlalchemy.create_engine(uri)
    try:
        engine.connect().close()
    finally:
        engine.dispose()


def no_answer(uri: str, err: BaseException) -> InputError:
    """Return the error for an MLflow server that failed with ``err``; passwords are masked."""
    reason = masked(" ".join(str(err).split()))
    return InputError(f"--mlflow-uri {masked(uri)} does not answer as MLflow does: {reason}")


def faults() -> tuple[type[Exception], ...]:
    """Return the exception types of an unreachable server, storage or database.

    ``OSError`` covers the errors of the package requests.
    """
    from mlflow.exceptions import MlflowException

    types: tuple[type[Exception], ...] = (MlflowException, ImportError, *storage_errors())
    if "sqlalchemy" in sys.modules:
        types += (sys.modules["sqlalchemy"].exc.SQLAlchemyError,)
    return types


def log_evaluation(uri: str, metrics: Mapping[str, Any], files: Sequence[str]) -> None:
    """Add an evaluation's figures and files to the newest run of its model.

    Print the id of the run, or a warning if MLflow has no run of this model.

    Args:
        uri: address of MLflow.
        metrics: content of the evaluation's metrics.json.
        files: addresses of files to add to the run.

    Raises:
        InputError: if MLflow is not installed or does not answer.
    """
    client, model_id, split = connect(uri), metrics.get("model_id"), metrics["split"]
    try:
        experiments = [one.experiment_id for one in client.search_experiments()]
        filter_string = f"tags.model_id = '{model_id}'"
        runs = client.search_runs(experiments, filter_string=filter_string, max_results=1)
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
    """Send one stored file as an artifact of a run, in ``folder`` or, for None, at the top."""
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / uri.rsplit("/", 1)[-1]
        path.write_bytes(storage.read_bytes(uri))
        client.log_artifact(run_id, str(path), folder)


def flat_numbers(values: Mapping[str, Any], *, prefix: str) -> dict[str, float]:
    """Return the numbers among ``values`` and the two ends of each interval, with ``prefix``.

    >>> flat_numbers({"war": 0.5, "war_interval": [0.4, 0.6], "split": "val"}, prefix="val_")
    {'val_war': 0.5, 'val_war_low': 0.4, 'val_war_high': 0.6}
    """
    numbers: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            numbers[prefix + name] = float(value)
        elif name.endswith("_interval") and value:
            short = prefix + name.removesuffix("_interval")
            numbers |= {f"{short}_low": float(value[0]), f"{short}_high": float(value[1])}
    return numbers


def dotted_names(values: Mapping[str, object], *, prefix: str = "") -> dict[str, object]:
    """Return nested values as one flat mapping; dots join the names.

    >>> dotted_names({"lr": 0.1, "augment": {"flip": 0.5}})
    {'lr': 0.1, 'augment.flip': 0.5}
    """
    flat: dict[str, object] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= dotted_names(value, prefix=f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat

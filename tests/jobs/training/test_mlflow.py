"""MLflow during training: a store in a file, an unreachable server, and one that fails."""

from __future__ import annotations

import json
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from emotion.train.history import EpochRow
from jobs import evaluate
from jobs.common.command import masked
from jobs.training.mlflow_client import connect
from jobs.training.mlflow_run import Target, Tracker, open_tracker
from tests.helpers.blocked import run_without
from tests.helpers.drawn_dataset import run, write_dataset
from tests.jobs.test_evaluate import LINES, write_labels, write_scores

# MLflow's own tables use a loader that SQLAlchemy 2.1 deprecates.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The ``noload`` loader:DeprecationWarning"),
    pytest.mark.large,
]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("drawn") / "dataset")


@pytest.fixture(scope="module")
def mlflow_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Make a store in a file with the experiment ``faces``, and its artifacts beside it."""
    root = tmp_path_factory.mktemp("mlflow")
    uri = f"sqlite:///{root}/mlflow.db"
    connect(uri).create_experiment("faces", artifact_location=str(root / "artefacts"))
    return uri


@pytest.fixture(scope="module")
def trained(
    dataset: Path, mlflow_uri: str, tmp_path_factory: pytest.TempPathFactory, local_ray: None
) -> Path:
    """Train for one epoch, then resume as if the run had been killed there."""
    out = tmp_path_factory.mktemp("run") / "one"
    assert run(dataset, out, *flags(mlflow_uri), "--max-minutes", "0.0001") == 0
    shutil.rmtree(out / "package")
    (out / "metrics.json").unlink()
    client = connect(mlflow_uri)
    client.update_run(run_id_of(out), status="RUNNING")
    assert run(dataset, out, *flags(mlflow_uri)) == 0
    return out


def flags(uri: str) -> tuple[str, ...]:
    return "--mlflow-uri", uri, "--mlflow-experiment", "faces", "--mlflow-model", "drawn"


def run_id_of(out: Path) -> str:
    return str(json.loads((out / "mlflow.json").read_text())["run_id"])


def steps_of(client: MlflowClient, run_id: str, name: str) -> list[tuple[int, float]]:
    return sorted((m.step, m.value) for m in client.get_metric_history(run_id, name))


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def test_a_run_that_went_on_is_one_run(trained: Path, mlflow_uri: str) -> None:
    client = connect(mlflow_uri)
    (experiment,) = (e for e in client.search_experiments() if e.name == "faces")
    (stored,) = client.search_runs([experiment.experiment_id])
    history = read(trained / "metrics.json")["history"]
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]
    assert stored.info.run_id == run_id_of(trained)
    assert stored.info.status == "FINISHED"
    for name in ("train_loss", "val_loss", "val_uar", "val_war", "lr"):
        steps = steps_of(client, stored.info.run_id, name)
        assert steps == [(row["epoch"], row[name]) for row in history]


def test_params_tags_and_artefacts(trained: Path, mlflow_uri: str) -> None:
    client, facts = connect(mlflow_uri), read(trained / "package/model.json")
    data = client.get_run(run_id_of(trained)).data
    wanted = {"model": "r3d_lite", "epochs": "4", "ema_decay": "0.9", "seed": "0"}
    assert wanted.items() <= data.params.items()
    assert {"args.input_px": "48", "augment.flip": "0.5"}.items() <= data.params.items()
    assert not {"workers", "address", "mlflow_uri", "out"} & data.params.keys()
    training = facts["training"]
    assert data.tags["model_id"] == facts["model_id"]
    assert data.tags["dataset_digest"] == training["dataset_digest"]
    assert data.tags["spec_digest"] == facts["extraction"]["digest"]
    assert data.tags["seed"] == "0" and data.tags["version.torch"] == facts["versions"]["torch"]
    assert (data.tags["git_commit"] or None) == training["git_commit"]
    assert data.metrics["best_val_uar"] == facts["metrics"]["uar"]
    low, high = facts["metrics"]["uar_interval"]
    assert (data.metrics["best_val_uar_low"], data.metrics["best_val_uar_high"]) == (low, high)
    paths = {f.path for f in client.list_artifacts(run_id_of(trained))}
    inside = {f.path for f in client.list_artifacts(run_id_of(trained), "package")}
    assert paths == {"package", "metrics.json"}
    assert inside == {f"package/{n}" for n in ("card.md", "model.json", "weights.safetensors")}


def versions_of(client: MlflowClient, model: str) -> list[tuple[int, str]]:
    versions = client.search_model_versions(f"name = '{model}'")
    return sorted((int(v.version), v.tags["model_id"]) for v in versions)


def test_a_finished_run_adds_nothing(
    trained: Path, dataset: Path, mlflow_uri: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """The run wrote two packages, before and after the stop: two versions, and no third."""
    client = connect(mlflow_uri)
    before = versions_of(client, "drawn"), steps_of(client, run_id_of(trained), "best_val_uar")
    assert run(dataset, trained, *flags(mlflow_uri)) == 0
    assert f"run {run_id_of(trained)} of experiment faces" in capfd.readouterr().out
    after = versions_of(client, "drawn"), steps_of(client, run_id_of(trained), "best_val_uar")
    assert after == before
    model_id = read(trained / "package/model.json")["model_id"]
    assert [n for n, its in after[0] if its == model_id] == [2]


def test_another_server_is_no_other_recipe(trained: Path, dataset: Path, tmp_path: Path) -> None:
    """A finished run is sent completely to a server that does not have it."""
    out, uri = tmp_path / "copy", f"sqlite:///{tmp_path}/other.db"
    shutil.copytree(trained, out)
    location = str(tmp_path / "artefacts")
    connect(uri).create_experiment("faces", artifact_location=location)
    assert run(dataset, out, *flags(uri)) == 0
    history = read(out / "metrics.json")["history"]
    steps = steps_of(connect(uri), run_id_of(out), "val_loss")
    assert steps == [(row["epoch"], row["val_loss"]) for row in history]
    assert (tmp_path / "artefacts" / run_id_of(out) / "artifacts/package/card.md").is_file()


@pytest.mark.parametrize(
    "uri, says",
    [
        ("http://me:secret@127.0.0.1:{closed}", "Connection refused"),
        ("http://127.0.0.1:{silent}", "Read timed out"),
        ("sqlite:////no/such/folder/mlflow.db", "unable to open database file"),
        ("ftp://127.0.0.1/", "does not answer as MLflow does"),
    ],
    ids=["refused", "silent", "no folder", "unknown scheme"],
)
def test_a_server_that_does_not_answer_is_one_line(
    dataset: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    uri: str,
    says: str,
) -> None:
    """The error comes before training; with MLflow's own settings it would take minutes."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    closed, silent = socket.socket(), socket.create_server(("127.0.0.1", 0))
    closed.bind(("127.0.0.1", 0))
    ports = {"closed": closed.getsockname()[1], "silent": silent.getsockname()[1]}
    began = time.monotonic()
    with closed, silent:
        code = run(dataset, tmp_path / "run", "--mlflow-uri", uri.format(**ports))
    assert code == 2
    assert time.monotonic() - began < 30
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("error: --mlflow-uri ") and says in line
    assert "secret" not in line
    assert not (tmp_path / "run/checkpoints").exists()
    assert "secret" not in (tmp_path / "run/config.json").read_text()


def test_without_mlflow_the_message_says_what_to_install() -> None:
    code = """
from jobs.training.mlflow_client import connect
from emotion.errors import InputError
try:
    connect("http://127.0.0.1:1")
except InputError as err:
    print(err)
"""
    assert "pip install -e '.[mlflow]'" in run_without({"mlflow"}, code)


class UnreliableClient:
    """Client whose server can be unreachable."""

    def __init__(self, client: MlflowClient) -> None:
        self._client, self.away = client, False

    def __getattr__(self, name: str) -> Callable[..., object]:
        def call(*args: object, **options: object) -> object:
            if self.away:
                raise ConnectionError("http://me:secret@host is away")
            return getattr(self._client, name)(*args, **options)

        return call


def row(epoch: int) -> EpochRow:
    return EpochRow(epoch, 1.0, 1.0 / epoch, 0.5, 0.5, 1.0, 10.0, [[1, 0], [0, 1]])


@pytest.mark.parametrize("comes_back", [True, False], ids=["comes back", "stays away"])
def test_what_a_server_missed_is_told_and_sent_later(
    trained: Path,
    mlflow_uri: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    comes_back: bool,
) -> None:
    monkeypatch.setattr("jobs.training.mlflow_run.RETRY_S", 0.0)
    shutil.copytree(trained, tmp_path / "run")
    (tmp_path / "run/mlflow.json").unlink()
    target = Target(mlflow_uri, "faces", f"moody-{comes_back}")
    run_id = open_tracker(target, str(tmp_path / "run"), params={}, tags={}).run_id
    client = UnreliableClient(connect(mlflow_uri))
    tracker = Tracker(client, run_id, target, sent=())
    tracker.add(row(1))
    client.away = True
    tracker.add(row(2))
    tracker.add(row(3))
    client.away = not comes_back
    tracker.finish(str(tmp_path / "run"), [row(1), row(2), row(3)])
    err = capsys.readouterr().err
    assert err.count("training goes on without it") == 1
    assert "secret" not in err
    kept = connect(mlflow_uri)
    steps = [step for step, _ in steps_of(kept, run_id, "val_loss")]
    if comes_back:
        assert steps == [1, 2, 3] and "lacks" not in err
        return
    assert steps == [1]
    assert "lacks the metrics of epochs 2, 3; the figures of the best epoch; the tags; " in err
    again = open_tracker(target, str(tmp_path / "run"), params={}, tags={})
    again.finish(str(tmp_path / "run"))
    assert [step for step, _ in steps_of(kept, run_id, "val_loss")] == [1, 2, 3, 4]
    assert len(versions_of(kept, target.model)) == 1


def test_an_evaluation_joins_the_run_of_its_model(
    trained: Path, mlflow_uri: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The score set has model_id m1, which this test gives to a run."""
    labels = write_labels(str(tmp_path / "labels.csv"), *LINES)
    scores = write_scores(str(tmp_path / "scores"))
    argv = ["--scores", scores, "--labels", labels, "--out", str(tmp_path / "eval")]
    argv += ["--mlflow-uri", mlflow_uri]
    assert evaluate.main(argv) == 0
    assert "has no run of model m1: nothing added" in capfd.readouterr().out
    client = connect(mlflow_uri)
    client.set_tag(run_id_of(trained), "model_id", "m1")
    assert evaluate.main(argv) == 0
    metrics = client.get_run(run_id_of(trained)).data.metrics
    assert metrics["test_war"] == pytest.approx(1 / 5) and metrics["test_coverage"] == 0.4
    assert metrics["test_war_low"] <= 1 / 5 <= metrics["test_war_high"]
    files = {f.path for f in client.list_artifacts(run_id_of(trained), "evaluation/test")}
    assert {"evaluation/test/report.html", "evaluation/test/confusion.png"} <= files


@pytest.mark.parametrize(
    "text, shown",
    [
        ("", ""),
        ("http://host:5000", "http://host:5000"),
        ("https://me:pass@host/x?y=1", "https://***@host/x?y=1"),
        ("postgresql+psycopg://me:p%40ss@h/db", "postgresql+psycopg://***@h/db"),
        ("mysql://h/db?user=a&password=b c", "mysql://h/db?user=a&*** c"),
        ("a@b.c and http://x", "a@b.c and http://x"),
    ],
)
def test_masks_secrets(text: str, shown: str) -> None:
    assert masked(text) == shown

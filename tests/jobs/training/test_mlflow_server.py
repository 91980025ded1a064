"""MLflow server on loopback that is killed during training and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobs.training.mlflow_client import connect
from tests.helpers.drawn_dataset import run, write_dataset
from tests.helpers.ports import free_port, wait_for_server


@contextmanager
def server(root: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``mlflow server`` with its store below ``root``; kill it with its children at the end."""
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{root}/mlflow.db"]
    command += ["--artifacts-destination", str(root / "artefacts")]
    env = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    with (root / "server.log").open("ab") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_for_server(f"http://127.0.0.1:{port}/health", process, timeout_s=180)
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)  # its own group: start_new_session
        process.wait(timeout=30)


def kill_after_an_epoch(process: subprocess.Popen[bytes], out: Path) -> None:
    until = time.monotonic() + 240
    while time.monotonic() < until and not list(out.glob("checkpoints/checkpoint_*/state.json")):
        time.sleep(0.02)
    end(process)


@pytest.mark.slow
def test_a_server_that_dies_does_not_end_the_training(
    tmp_path: Path, local_ray: None, capfd: pytest.CaptureFixture[str]
) -> None:
    dataset, out, port = write_dataset(tmp_path / "dataset"), tmp_path / "run", free_port()
    uri = f"http://me:secret@127.0.0.1:{port}"
    with server(tmp_path, port) as process:
        killer = threading.Thread(target=kill_after_an_epoch, args=(process, out))
        killer.start()
        try:
            assert run(dataset, out, "--epochs", "8", "--mlflow-uri", uri) == 0
        finally:
            killer.join()
    first = capfd.readouterr()
    assert "training goes on without it" in first.err
    assert "the same command again sends them" in first.err
    assert "secret" not in first.err + first.out
    with server(tmp_path, port):
        assert run(dataset, out, "--epochs", "8", "--mlflow-uri", uri) == 0
        assert "secret" not in capfd.readouterr().out
        client = connect(uri)
        run_id = json.loads((out / "mlflow.json").read_text())["run_id"]
        history = json.loads((out / "metrics.json").read_text())["history"]
        steps = sorted((m.step, m.value) for m in client.get_metric_history(run_id, "val_loss"))
        assert steps == [(row["epoch"], row["val_loss"]) for row in history]
        assert client.get_run(run_id).info.status == "FINISHED"
        assert client.get_run(run_id).data.tags["model_id"]
        (version,) = client.search_model_versions("name = 'video-emotion'")
        assert version.run_id == run_id
        inside = {f.path for f in client.list_artifacts(run_id, "package")}
        assert "package/model.json" in inside

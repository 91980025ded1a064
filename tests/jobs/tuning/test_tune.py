"""jobs.tune on a drawn dataset whose test split cannot be decoded: two trials, resuming."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest
import ray

from emotion.package.model_package import load_package
from jobs import tune
from tests.helpers.drawn_dataset import LABELS, write_dataset
from tests.helpers.paths import ROOT

pytestmark = pytest.mark.large

SPACE = ("--space", "lr=log:1e-4:1e-2", "model_args.dropout=uniform:0:0.5")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("drawn") / "dataset")


def flags(dataset: Path, out: Path, *more: str, epochs: int = 2) -> list[str]:
    train = f"--epochs {epochs} --batch-size 4 --model-args width=4"
    fixed = ["--dataset", str(dataset), "--out", str(out), f"--train={train}", *SPACE]
    return [*fixed, "--concurrent", "2", "--grace-epochs", "1", *more]


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def trial_json(out: Path, name: str) -> dict[str, Any]:
    trial: dict[str, Any] = json.loads((out / "trials" / name / "trial.json").read_text())
    return trial


@pytest.mark.slow
def test_two_trials_at_once(
    dataset: Path, tmp_path: Path, local_ray: None, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "search"
    assert tune.main(flags(dataset, out, "--trials", "2")) == 0
    printed = capfd.readouterr().out
    assert len(re.findall(r"^trial 00[01]  finished  after   2 epochs", printed, re.M)) == 2
    lines = [line for line in printed.splitlines() if "(raylet)" not in line]
    assert len(lines) == 6, printed  # and four about the best
    trials = json.loads((out / "trials.json").read_text())
    uars = [trial["val_uar"] for trial in trials["trials"]]
    assert trials["val_uar"] == max(uars)
    best = load_package(str(out / "best"))
    assert (best.model_id, best.labels) == (trials["model_id"], LABELS)
    assert best.metrics["uar"] == max(uars)
    assert best.args["width"] == 4
    assert (
        best.args["dropout"] == trials["trials"][trials["best"]]["parameters"]["model_args.dropout"]
    )
    assert pq.read_table(out / "trials.parquet").num_rows == 2
    assert {"parallel.png", "parallel.svg", "report.html"} <= {p.name for p in out.iterdir()}

    before = {name: files_of(out / "trials" / name) for name in ("000", "001")}
    assert tune.main(flags(dataset, out, "--trials", "2")) == 0
    assert "2 trials are done: nothing to do" in capfd.readouterr().out
    for name, files in before.items():
        assert files_of(out / "trials" / name) == files
    assert tune.main(flags(dataset, out, "--trials", "3", "--seed", "1")) == 2
    assert "was made with seed 0, now 1; name a new --out" in capfd.readouterr().err

    assert tune.main(flags(dataset, out, "--trials", "3")) == 0
    assert "resuming: 2 of 3 trials are done" in capfd.readouterr().out
    for name, files in before.items():
        assert files_of(out / "trials" / name) == files
    more = json.loads((out / "trials.json").read_text())["trials"]
    assert more[:2] == trials["trials"]
    assert more[2]["status"] in ("finished", "stopped")
    assert more[2]["parameters"] not in [trial["parameters"] for trial in more[:2]]


@pytest.mark.slow
def test_a_killed_search_goes_on(dataset: Path, tmp_path: Path) -> None:
    """A search killed after its first trial keeps its files, and the epochs of the second."""
    out = tmp_path / "search"
    more = ("--scheduler", "none", "--concurrent", "1")
    command = [sys.executable, "-m", "jobs.tune", *flags(dataset, out, *more, epochs=4)]
    begun = subprocess.Popen([*command, "--trials", "3"], cwd=ROOT, stdout=subprocess.DEVNULL)
    done: list[str] = []
    while not done and begun.poll() is None:
        paths = sorted((out / "trials").glob("*/trial.json"))
        done = [p.parent.name for p in paths if json.loads(p.read_text())["status"] == "finished"]
        time.sleep(0.05)
    children = psutil.Process(begun.pid).children(recursive=True)
    begun.kill()
    begun.wait()
    psutil.wait_procs(children, timeout=60)
    assert done
    first = files_of(out / "trials" / done[0])
    asked = {p.parent.name: json.loads(p.read_text())["parameters"] for p in paths}
    command += ["--trials", "2"]  # the begun trial counts
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500)
    assert ended.returncode == 0, ended.stderr
    assert "resuming: 1 of 2 trials are done" in ended.stdout
    assert files_of(out / "trials" / done[0]) == first
    for name, parameters in asked.items():
        assert trial_json(out, name)["parameters"] == parameters
    trials = [trial_json(out, name) for name in ("000", "001")]
    assert [(trial["status"], len(trial["curve"])) for trial in trials] == [("finished", 4)] * 2


@pytest.mark.slow
def test_a_trial_that_is_behind_is_stopped(
    dataset: Path, tmp_path: Path, local_ray: None, capfd: pytest.CaptureFixture[str]
) -> None:
    """A trial with a learning rate near 0 is stopped after a good one; no CPU stays reserved."""
    out = tmp_path / "search"
    more = ("--trials", "2", "--concurrent", "1", "--search", "random", "--seed", "0")
    arguments = flags(dataset, out, *more, epochs=60)
    arguments[arguments.index(SPACE[1])] = "lr=choice:1e-9,0.015"
    assert tune.main(arguments) == 0
    trials = [trial_json(out, name) for name in ("000", "001")]
    assert [trial["parameters"]["lr"] for trial in trials] == [0.015, 1e-9]
    assert [trial["status"] for trial in trials] == ["finished", "stopped"]
    stopped = trials[1:]
    for trial in stopped:
        assert 1 <= len(trial["curve"]) < 60
        run = out / "trials" / f"{trial['number']:03d}" / "run"
        package = load_package(str(run / "package"))
        assert package.model_id == trial["model_id"]
        assert package.metrics["uar"] == trial["val_uar"]
        assert not (run / "metrics.json").exists()
    assert eventually_free() == ray.cluster_resources()["CPU"]  # type: ignore[no-untyped-call]


def eventually_free() -> float:
    """Wait until all CPUs are free, at most 60 s; return the number of free CPUs."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        free: float = ray.available_resources().get("CPU", 0.0)  # type: ignore[no-untyped-call]
        if free == ray.cluster_resources()["CPU"]:  # type: ignore[no-untyped-call]
            break
        time.sleep(0.5)
    return free


@pytest.mark.parametrize(
    "more, says",
    [
        (["--trials", "0"], "--trials must be at least 1, got 0"),
        (["--concurrent", "0"], "--concurrent must be at least 1, got 0"),
        (["--grace-epochs", "3"], "--grace-epochs is 3, trials have 2; lower it or take"),
        (["--train=--out x"], "--train may not hold --out"),
        (["--space", "lr=choice:0.1,0.2"], "--space has 2 points and --trials is 20; lower it"),
        (["--space", "lr=up"], "'lr=up' must be NAME=FORM"),
    ],
)
def test_refuses(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], says: str
) -> None:
    out = tmp_path / "search"
    base = ["--dataset", str(dataset), "--out", str(out)]
    others = {"--train": "--train=--epochs 2", "--space": "--space=lr=log:1e-4:1e-2"}
    given = [text for name, text in others.items() if not more[0].startswith(name)]
    assert tune.main([*base, *given, *more]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line
    assert not out.exists()


def test_refuses_a_folder_of_something_else(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert tune.main(flags(dataset, tmp_path)) == 2
    assert "holds files but no config.json" in capsys.readouterr().err

"""jobs.tune on a drawn dataset whose test split cannot be decoded: two trials at once, going on."""

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
    found: dict[str, Any] = json.loads((out / "trials" / name / "trial.json").read_text())
    return found


@pytest.mark.slow
def test_two_trials_at_once(
    dataset: Path, tmp_path: Path, local_ray: None, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "search"
    assert tune.main(flags(dataset, out, "--trials", "2")) == 0
    printed = capfd.readouterr().out
    assert len(re.findall(r"^trial 00[01]  finished  after   2 epochs", printed, re.M)) == 2
    said = [line for line in printed.splitlines() if "(raylet)" not in line]
    assert len(said) == 6, printed  # and four about the best
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
    assert "going on: 2 of 3 trials are done" in capfd.readouterr().out
    for name, files in before.items():
        assert files_of(out / "trials" / name) == files
    more = json.loads((out / "trials.json").read_text())["trials"]
    assert more[:2] == trials["trials"]
    assert more[2]["status"] in ("finished", "stopped")
    assert more[2]["parameters"] not in [trial["parameters"] for trial in more[:2]]


@pytest.mark.slow
def test_a_killed_search_goes_on(dataset: Path, tmp_path: Path) -> None:
    """Killed after its first trial: that one's files stay, the one under way keeps its epochs."""
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
    command += ["--trials", "2"]  # what is begun counts
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500)
    assert ended.returncode == 0, ended.stderr
    assert "going on: 1 of 2 trials are done" in ended.stdout
    assert files_of(out / "trials" / done[0]) == first
    for name, parameters in asked.items():
        assert trial_json(out, name)["parameters"] == parameters
    found = [trial_json(out, name) for name in ("000", "001")]
    assert [(trial["status"], len(trial["curve"])) for trial in found] == [("finished", 4)] * 2


@pytest.mark.slow
def test_a_trial_that_is_behind_is_stopped(
    dataset: Path, tmp_path: Path, local_ray: None, capfd: pytest.CaptureFixture[str]
) -> None:
    """A rate of learning of next to nothing after a good one; nothing stays reserved."""
    out = tmp_path / "search"
    more = ("--trials", "2", "--concurrent", "1", "--search", "random", "--seed", "0")
    arguments = flags(dataset, out, *more, epochs=60)
    arguments[arguments.index(SPACE[1])] = "lr=choice:1e-9,0.015"
    assert tune.main(arguments) == 0
    found = [trial_json(out, name) for name in ("000", "001")]
    assert [trial["parameters"]["lr"] for trial in found] == [0.015, 1e-9]
    assert [trial["status"] for trial in found] == ["finished", "stopped"]
    stopped = found[1:]
    for trial in stopped:
        assert 1 <= len(trial["curve"]) < 60
        run = out / "trials" / f"{trial['number']:03d}" / "run"
        package = load_package(str(run / "package"))
        assert package.model_id == trial["model_id"]
        assert package.metrics["uar"] == trial["val_uar"]
        assert not (run / "metrics.json").exists()
    assert eventually_free() == ray.cluster_resources()["CPU"]  # type: ignore[no-untyped-call]


def eventually_free() -> float:
    """CPUs that nobody has reserved, once they are as many as there are or time is up."""
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
        (["--trials", "0"], "--trials is 0; it must be 1 or more"),
        (["--concurrent", "0"], "--concurrent is 0; it must be 1 or more"),
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
    rest = {"--train": "--train=--epochs 2", "--space": "--space=lr=log:1e-4:1e-2"}
    given = [text for name, text in rest.items() if not more[0].startswith(name)]
    assert tune.main([*base, *given, *more]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line
    assert not out.exists()


def test_refuses_a_folder_of_something_else(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert tune.main(flags(dataset, tmp_path)) == 2
    assert "holds files of something else" in capsys.readouterr().err

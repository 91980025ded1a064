"""jobs.train on a drawn dataset: one and several workers, resuming, faults."""

import contextlib
import json
import re
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest
import safetensors.torch
import torch

from emotion import storage
from emotion.models.transforms import decode_crops
from emotion.package.model_package import load_package
from emotion.package.seen import Seen, fingerprint
from emotion.train.batches import Batch
from emotion.train.loop import evaluate_epoch
from tests.helpers.drawn_dataset import LABELS, run, write_dataset
from tests.helpers.small_package import SPEC


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("drawn") / "dataset")


@pytest.fixture(scope="module")
def trained(dataset: Path, tmp_path_factory: pytest.TempPathFactory, local_ray: None) -> Path:
    out = tmp_path_factory.mktemp("run") / "one"
    assert run(dataset, out) == 0
    return out


def metrics_of(out: Path) -> dict[str, object]:
    value = json.loads((out / "metrics.json").read_text())
    assert isinstance(value, dict)
    return value


def test_leaves_a_package_with_its_facts(trained: Path) -> None:
    package = load_package(str(trained / "package"))
    assert (package.labels, package.spec) == (LABELS, SPEC)
    assert package.args["input_px"] == 48
    wanted = {"train_clips": 21, "train_subjects": 7, "val_clips": 9, "val_subjects": 3}
    assert wanted.items() <= dict(package.training).items()
    assert package.training["epochs"] == 4
    assert package.training["test_counts"] == {"upper": 1, "lower": 1, "both": 1}
    assert package.training["split_by"] == "the label table"
    people = [f"train{n}" for n in range(7)] + [f"val{n}" for n in range(3)]
    assert package.seen == Seen(frozenset(map(fingerprint, people)))  # the dataset has no videos
    assert (package.training["seed"], package.training["pretrained_report"]) == (0, None)
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?|None", str(package.training["git_commit"]))
    assert re.fullmatch(r"[0-9a-f]{16}", str(package.training["dataset_digest"]))
    assert {"python", "torch", "torchvision", "ray", "numpy"} <= package.versions.keys()
    metrics = metrics_of(trained)
    assert metrics["val"] == dict(package.metrics)
    assert (package.metrics["n_clips"], package.metrics["n_subjects"]) == (9, 3)
    assert isinstance(package.metrics["uar_interval"], list)
    low, high = package.metrics["uar_interval"]
    assert low <= package.metrics["uar"] <= high
    assert metrics["model_id"] == package.model_id
    (on_val,) = package.trust.figures
    assert (on_val.unit, on_val.num, on_val.uar) == ("clips", 9, package.metrics["uar"])
    assert set(on_val.recall) == set(LABELS)
    assert package.trust.domain == "unknown" and 0 <= package.trust.margin < 1
    history = metrics["history"]
    assert isinstance(history, list)
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]
    assert list((trained / "tensorboard").iterdir())


def alone(dataset: Path, out: Path) -> tuple[float, list[list[int]]]:
    """Return val loss and confusion of a run's package, computed in one process without Ray."""
    rows = pq.read_table(dataset / "clips").to_pylist()
    val = [row for row in rows if row["split"] == "val"]
    clips = torch.from_numpy(np.stack([decode_crops(row["crops"]) for row in val]))
    targets = torch.tensor([LABELS.index(row["label"]) for row in val])
    package = load_package(str(out / "package"))
    totals = evaluate_epoch(package.build(), [Batch(clips, targets)], num_classes=len(LABELS))
    return totals.loss, totals.confusion.tolist()


def best_row(out: Path) -> dict[str, Any]:
    metrics = json.loads((out / "metrics.json").read_text())
    row: dict[str, Any] = metrics["history"][metrics["best_epoch"] - 1]
    return row


def test_val_figures_are_those_of_one_process(trained: Path, dataset: Path) -> None:
    loss, confusion = alone(dataset, trained)
    assert best_row(trained)["val_loss"] == pytest.approx(loss, rel=1e-6)
    assert best_row(trained)["val_confusion"] == confusion


def test_every_val_clip_is_judged_once(trained: Path) -> None:
    history = metrics_of(trained)["history"]
    assert isinstance(history, list)
    for row in history:
        assert np.array(row["val_confusion"]).sum(axis=1).tolist() == [3, 3, 3]


def test_a_finished_run_stays_as_it_is(
    trained: Path, dataset: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = (trained / "metrics.json").read_bytes()
    assert run(dataset, trained) == 0
    assert "is finished: nothing to do" in capfd.readouterr().out
    assert (trained / "metrics.json").read_bytes() == before


def test_another_recipe_needs_another_out(
    trained: Path, dataset: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(dataset, trained, "--lr", "0.5") == 2
    assert "was made with lr 0.002, now 0.5; name a new --out" in capfd.readouterr().err


def test_goes_on_from_the_last_checkpoint(
    trained: Path, dataset: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A run that ran out of time after an epoch ends with the weights of an undisturbed run."""
    out = tmp_path / "stopped"
    assert run(dataset, out, "--max-minutes", "0.0001") == 0
    first = metrics_of(out)["history"]
    assert isinstance(first, list) and len(first) == 1
    for name in ("package", "metrics.json"):  # as if it had been killed after this epoch
        path = out / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert run(dataset, out) == 0
    lines = capfd.readouterr().out
    assert re.findall(r"epoch +(\d+)/4", lines) == ["1", "2", "3", "4"]
    whole, again = load_package(str(trained / "package")), load_package(str(out / "package"))
    assert whole.weights == again.weights


@pytest.mark.parametrize(
    "workers, cache_gb",
    [pytest.param("2", "0", marks=pytest.mark.slow), ("3", "4"), ("1-2", "4")],
    ids=["two, streamed", "three", "elastic"],
)
def test_several_workers(
    dataset: Path, tmp_path: Path, local_ray: None, workers: str, cache_gb: str
) -> None:
    """9 val clips over 2 ranks: one is padded, none is lost; 21 train clips: no rank waits."""
    out = tmp_path / "several"
    assert run(dataset, out, "--workers", workers, "--cache-gb", cache_gb) == 0
    loss, confusion = alone(dataset, out)
    assert best_row(out)["val_loss"] == pytest.approx(loss, rel=1e-6)
    assert best_row(out)["val_confusion"] == confusion
    history = metrics_of(out)["history"]
    assert isinstance(history, list)
    for row in history:
        assert np.array(row["val_confusion"]).sum(axis=1).tolist() == [3, 3, 3]


def test_reads_and_writes_s3(dataset: Path, s3: str, local_ray: None) -> None:
    source, out = f"{s3}/dataset", f"{s3}/run"
    for path in dataset.rglob("*"):
        if path.is_file():
            target = storage.join(source, str(path.relative_to(dataset)))
            storage.write_bytes(target, path.read_bytes())
    assert run(source, out, "--epochs", "1") == 0
    assert load_package(f"{out}/package").labels == LABELS
    names = {file.uri.removeprefix(f"{out}/") for file in storage.list_files(out)}
    assert {"config.json", "metrics.json", "tensorboard/events.out.tfevents.run"} <= names
    assert any(re.fullmatch(r"checkpoints/checkpoint_.*/state.safetensors", n) for n in names)


def test_a_worker_that_dies_is_started_again(
    trained: Path, dataset: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The curve and the weights equal those of an undisturbed run."""
    out = tmp_path / "killed"
    killed: list[int] = []
    thread = threading.Thread(target=kill_the_worker, args=(out, killed))
    thread.start()
    try:
        assert run(dataset, out) == 0
    finally:
        thread.join()
    assert len(killed) == 1
    assert load_package(str(out / "package")).weights == weights_of(trained)
    for name in ("val_loss", "val_uar", "train_loss"):
        assert [r[name] for r in history_of(out)] == [r[name] for r in history_of(trained)]


def kill_the_worker(out: Path, killed: list[int]) -> None:
    """Kill this test's process that trains, once the first epoch has its checkpoint."""
    until = time.monotonic() + 240
    while time.monotonic() < until and not list(out.glob("checkpoints/checkpoint_*/state.json")):
        time.sleep(0.02)
    for process in psutil.Process().children(recursive=True):  # not those of other runs here
        with contextlib.suppress(psutil.NoSuchProcess):
            if "RayTrainWorker" in " ".join(process.cmdline()):
                process.kill()
                killed.append(process.pid)


def weights_of(out: Path) -> bytes:
    return load_package(str(out / "package")).weights


def history_of(out: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((out / "metrics.json").read_text())["history"]
    return rows


def test_a_loss_that_breaks_later_keeps_the_best_package(
    dataset: Path, tmp_path: Path, local_ray: None, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert run(dataset, out, "--max-minutes", "0.0001") == 0
    good = weights_of(out)
    shutil.rmtree(out / "package")
    (out / "metrics.json").unlink()
    (state,) = out.glob("checkpoints/checkpoint_*/state.safetensors")
    tensors = safetensors.torch.load_file(state)
    tensors["model/stem.weight"].fill_(float("nan"))
    safetensors.torch.save_file(tensors, state)
    assert run(dataset, out) == 2
    (error,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error:")]
    assert "the loss is nan at epoch 2, step 1" in error
    assert re.search(r"on clips train\d-\w+/0/0", error)
    assert "the best of 1 epochs is kept in" in error
    assert weights_of(out) == good
    assert not (out / "metrics.json").exists()


def test_a_diverging_run_is_one_line(
    dataset: Path, tmp_path: Path, local_ray: None, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(dataset, tmp_path / "run", "--lr", "1e30") == 2
    error = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(error) == 1
    assert re.search(r"the (val )?loss is (nan|inf).* take a lower --lr", error[0])

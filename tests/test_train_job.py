"""jobs.train on a drawn dataset: one and two workers, going on, refusing what is wrong."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from emotion import storage
from emotion.extract.spec import ExtractionSpec
from emotion.learn.package import load_package
from emotion.learn.splits import SPLITS
from jobs import train
from schemas.tables import CLIPS, rows_table

LABELS = ("upper", "lower", "both")
SPEC = ExtractionSpec(
    detector="dlib",
    detector_sha256="0" * 64,
    crop_px=32,
    clip_len=4,
    clip_stride=4,
    min_clip_faces=2,
)
SUBJECTS = {"train": 7, "val": 3, "test": 1}


def draw(label: str, rng: np.random.Generator) -> list[bytes]:
    """Four crops whose brightness says the label."""
    crops = []
    for _ in range(SPEC.clip_len):
        image = rng.integers(0, 60, (32, 32, 3)).astype(np.uint8)
        for part, rows in (("upper", slice(0, 18)), ("lower", slice(18, 32))):
            if label in (part, "both"):
                image[rows] += 150
        crops.append(cv2.imencode(".jpg", image)[1].tobytes())
    return crops


def clip_row(split: str, number: int, label: str, rng: np.random.Generator) -> dict[str, object]:
    name = f"{split}{number}-{label}"
    crops = [b"never read"] * SPEC.clip_len if split == "test" else draw(label, rng)
    return {
        "clip_id": f"{name}/0/0",
        "video_id": name,
        "track_id": 0,
        "identity_id": 0,
        "subject_id": f"{split}{number}",
        "label": label,
        "split": split,
        "fold": None,
        "start_s": 0.0,
        "stop_s": 0.5,
        "pts_s": [0.0, 0.125, 0.25, 0.375],
        "box": [0.0, 0.0, 32.0, 32.0],
        "num_faces": 4,
        "quality": 1.0,
        "crops": crops,
    }


def write_dataset(root: Path) -> Path:
    """Two parts; the crops of the test split are not even images."""
    rng = np.random.default_rng(0)
    rows = [
        clip_row(split, number, label, rng)
        for split in SPLITS
        for number in range(SUBJECTS[split])
        for label in LABELS
    ]
    uri = str(root)
    for part, chosen in enumerate((rows[0::2], rows[1::2])):
        storage.write_table(storage.join(uri, f"clips/{part}.parquet"), rows_table(chosen, CLIPS))
    storage.write_json(storage.join(uri, "spec.json"), SPEC.to_json())
    storage.write_json(storage.join(uri, "config.json"), {"labels": list(LABELS)})
    report = {"success": True, "spec_digest": SPEC.digest}
    storage.write_json(storage.join(uri, "validation/report.json"), report)
    storage.write_json(storage.join(uri, "_SUCCESS"), {"counts": {"clips": len(rows)}})
    return root


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("drawn") / "dataset")


def run(dataset: Path | str, out: Path | str, *flags: str) -> int:
    return train.main(["--dataset", str(dataset), "--out", str(out), "--epochs", "4", *flags])


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
    metrics = metrics_of(trained)
    assert metrics["val"] == dict(package.metrics)
    assert metrics["model_id"] == package.model_id
    history = metrics["history"]
    assert isinstance(history, list)
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]
    assert list((trained / "tensorboard").iterdir())


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
    assert "was begun with lr 0.002, now 0.5; name a new --out" in capfd.readouterr().err


def test_goes_on_from_the_last_checkpoint(
    trained: Path, dataset: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A run that was out of time after each epoch ends with the weights of one that was not."""
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
    "cache_gb",
    ["4", pytest.param("0", marks=pytest.mark.slow)],
    ids=["kept in memory", "streamed"],
)
def test_two_workers(dataset: Path, tmp_path: Path, local_ray: None, cache_gb: str) -> None:
    """9 val clips over 2 ranks: one is padded, none is lost; 21 train clips: no rank waits."""
    out = tmp_path / "two"
    assert run(dataset, out, "--workers", "2", "--cache-gb", cache_gb) == 0
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


def test_a_diverging_run_is_one_line(
    dataset: Path, tmp_path: Path, local_ray: None, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(dataset, tmp_path / "run", "--lr", "1e30") == 2
    error = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(error) == 1
    assert re.search(r"the (val )?loss is (nan|inf).* take a lower --lr", error[0])


def without_marker(root: Path) -> None:
    (root / "_SUCCESS").unlink()


def without_report(root: Path) -> None:
    (root / "validation/report.json").unlink()


def failed_report(root: Path) -> None:
    report = {"success": False, "spec_digest": SPEC.digest}
    (root / "validation/report.json").write_text(json.dumps(report))


def report_of_another_spec(root: Path) -> None:
    report = {"success": True, "spec_digest": "0123"}
    (root / "validation/report.json").write_text(json.dumps(report))


def keep_rows(root: Path, column: str, unwanted: set[str]) -> None:
    for path in (root / "clips").iterdir():
        rows = [row for row in pq.read_table(path).to_pylist() if row[column] not in unwanted]
        pq.write_table(rows_table(rows, CLIPS), path)


def without_val(root: Path) -> None:
    keep_rows(root, "split", {"val"})


def with_one_label(root: Path) -> None:
    keep_rows(root, "label", {"lower", "both"})


@pytest.mark.parametrize(
    "damage, says",
    [
        (without_marker, "is not a complete dataset .* jobs.build_dataset"),
        (without_report, "was never validated: run `python -m jobs.validate_dataset"),
        (failed_report, "failed its validation"),
        (report_of_another_spec, "was validated with spec 0123"),
        (without_val, "has no clip in the val split"),
        (with_one_label, "has clips of upper only"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_refuses_a_dataset(
    dataset: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    damage: Callable[[Path], None],
    says: str,
) -> None:
    copy = tmp_path / "dataset"
    shutil.copytree(dataset, copy)
    damage(copy)
    assert run(copy, tmp_path / "run") == 2
    assert re.search(f"^error: .*{says}", capfd.readouterr().err)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "flags, says",
    [
        (["--model", "resnet"], "model 'resnet' is unknown"),
        (["--labels", "lower,upper,both"], "--labels lower,upper,both differ"),
        (["--epochs", "0"], "--epochs is 0, out of range"),
        (["--batch-size", "1"], "--batch-size is 1, out of range"),
        (["--lr", "0"], "--lr is 0.0; it must be more than 0"),
        (["--model-args", "depth=3"], "model r3d_lite has no argument 'depth'; it has: input_px"),
        (
            ["--model-args", "width=wide"],
            "width of model r3d_lite is 'wide'; it must be of type int",
        ),
        (["--augment", "blur"], "--augment 'blur' must be NAME=VALUE"),
        (["--augment", "noise=1"], "--augment knows no 'noise'; it knows blur, brightness"),
        (
            ["--balance", "sampling", "--cache-gb", "0"],
            "--balance sampling needs the decoded clips",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_refuses_flags(
    dataset: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], flags: list[str], says: str
) -> None:
    assert run(dataset, tmp_path / "run", *flags) == 2
    assert says in capfd.readouterr().err


def test_refuses_a_folder_of_something_else(
    dataset: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    assert run(dataset, tmp_path) == 2
    assert "holds files of something else" in capfd.readouterr().err

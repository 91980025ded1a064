"""The console command: its verbs, and ``predict`` on a machine without Ray."""

from __future__ import annotations

import dataclasses
import importlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import torch

from emotion.extract.detect import spec_for
from emotion.labels import LABELS
from emotion.models.registry import build_model
from emotion.package.model_package import ModelPackage, save_package, weights_bytes
from emotion.predict.video import load_video_predictor
from emotion.synth.clip import render_clip
from jobs.common import console
from tests.helpers.blocked import CLOUD, run_without
from tests.helpers.drawing import number_video
from tests.helpers.paths import ROOT

pytestmark = pytest.mark.large


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A package with random weights and dlib's detector, which needs no file."""
    torch.manual_seed(0)
    uri = str(tmp_path_factory.mktemp("package"))
    state = build_model("r3d_lite", len(LABELS), {}).state_dict()
    save_package(
        uri,
        ModelPackage("r3d_lite", {}, LABELS, spec_for("dlib"), weights_bytes(state), {}, {}, {}),
    )
    return uri


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "happy.mp4"
    render_clip(path, seed=1, subject=0, label="happy")
    return path


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert console.main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for verb in [*console.JOBS, "serve"]:
        assert [line for line in lines if line.startswith(f"  {verb} ")], verb


def test_version_is_that_of_the_installed_package(capsys: pytest.CaptureFixture[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert console.main(["--version"]) == 0
    assert capsys.readouterr().out == f"video-emotion {project['version']}\n"


def test_every_verb_has_its_module() -> None:
    for verb in console.JOBS:
        assert (ROOT / "jobs" / f"{verb.replace('-', '_')}.py").is_file(), verb


@pytest.mark.parametrize(
    "argv, error",
    [
        ([], "error: no verb given; take one of"),
        (["trian"], "error: no verb 'trian', did you mean train?; take one of"),
        (["_ray"], "error: no verb '_ray'; take one of"),
    ],
    ids=["none", "misspelt", "not a verb"],
)
def test_an_unknown_verb_is_one_line(
    argv: list[str], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert console.main(argv) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(error)


def test_serve_is_started_as_a_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "jobs.common.console", "serve", "--help"],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert "--package" in done.stdout


def test_predict_works_without_ray_aws_and_web(package: str, clip: Path) -> None:
    """Its JSON equals the answer of the library."""
    argv = ["predict", str(clip), "--package", package, "--format", "json"]
    code = f"""
import contextlib, io, json
from jobs.common.console import main
with contextlib.redirect_stdout(io.StringIO()) as out:
    assert main({argv!r}) == 0
print(json.dumps(json.loads(out.getvalue())))
"""
    printed = json.loads(run_without(CLOUD | {"sagemaker"}, code))
    answer = dataclasses.asdict(load_video_predictor(package).predict(clip))
    expected = json.loads(json.dumps(answer)) | {"uri": str(clip)}
    assert expected["clips"]
    for one in (*printed["clips"], *expected["clips"]):
        del one["clip_id"]  # it depends on the address
    evidence = expected.pop("people")  # the file has the person's answer beside it
    for one, other in zip(printed["people"], evidence, strict=True):
        assert {name: one[name] for name in other} == pytest.approx(other)
    assert {name: printed[name] for name in expected} == expected
    assert printed.keys() - expected.keys() == {"people", "timeline"}
    assert list(printed["probs"]) == list(LABELS)
    assert sum(printed["probs"].values()) == pytest.approx(1, abs=1e-5)


def test_predict_by_onnxruntime_says_the_same(
    package: str, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "package")
    assert console.main(["export-onnx", "--package", package, "--out", out]) == 0
    capsys.readouterr()
    assert (
        console.main(["predict", str(clip), "--package", out, "--engine", "onnx", "-f", "json"])
        == 0
    )
    printed = json.loads(capsys.readouterr().out)
    expected = load_video_predictor(package, device="cpu").predict(clip)
    assert printed["model_id"] == expected.model_id
    assert printed["probs"] == pytest.approx(expected.probs, abs=1e-4)


def test_a_video_without_a_face_is_an_answer(
    package: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = number_video(tmp_path / "numbers.mp4", 30)
    assert console.main(["predict", str(path), "--package", package]) == 0
    head = capsys.readouterr().out.splitlines()[1]
    assert head.startswith(f"{path}: no label, no face was found; ")


@pytest.mark.parametrize("content", [None, b"", b"just some text"], ids=["gone", "empty", "text"])
def test_a_clip_that_cannot_be_used_is_one_line(
    content: bytes | None, package: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.mp4"
    if content is not None:
        path.write_bytes(content)
    assert console.main(["predict", str(path), "--package", package]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"error: video {path} ")


def test_a_wrong_package_is_one_line(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert console.main(["predict", str(clip), "--package", str(clip.parent)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("verb", [v for v in console.JOBS if v != "sagemaker"])
def test_every_job_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    module = importlib.import_module(f"jobs.{verb.replace('-', '_')}")
    with pytest.raises(SystemExit) as end:
        module.main(["--help"])
    assert end.value.code == 0
    assert f"python -m jobs.{verb.replace('-', '_')}" in capsys.readouterr().out

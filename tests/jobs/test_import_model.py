"""The verb import_model: what it writes, what it refuses, and answers about real people."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import TensorProto

from emotion.extract.detect import spec_for
from emotion.labels import LABELS
from emotion.package.model_package import load_package
from emotion.predict.predictor import Predictor
from emotion.predict.video import load_video_predictor
from emotion.published.from_file import OWN_BACKBONES
from emotion.published.presets import PRESETS
from jobs.common import console
from jobs.import_model import Preset, main
from tests.helpers.onnx_files import node, onnx_bytes, onnx_model, pooled_colours
from tests.helpers.published import mobilefacenet_onnx

MANIFEST = "models/expression/face_expression_model-weights_manifest.json"
COLOURS = pooled_colours(np.eye(3), np.array([0.0, 0.1, 0.2]), side=16)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "colours.onnx"
    path.write_bytes(COLOURS)
    return path


def run(file: Path, out: Path, *options: str) -> int:
    labels = () if "--preset" in options or "--labels" in options else ("a", "happy", "c")
    flags = ("--labels", *labels) if labels else ()
    detector = ("--detector", "dlib")
    return main(["--onnx", str(file), *flags, "--out", str(out), *detector, *options])


def test_writes_a_package_with_its_facts(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "package"
    facts = ("--domain", "acted", "--licence", "CC0-1.0", "--source", "https://example.org/x")
    assert run(file, out, "--temperature", "2", "--map", "c=sad", *facts) == 0
    package = load_package(str(out))
    assert package.labels == ("happy", "sad", "a")
    assert (package.temperature, package.trust.domain) == (2.0, "acted")
    assert package.trust.source["licence"] == "CC0-1.0"
    assert package.trust.source["url"] == "https://example.org/x"
    assert package.trust.source["title"] == "colours.onnx"
    card = (out / "card.md").read_text()
    assert "CC0-1.0" in card
    assert "https://example.org/x" in card
    assert f"as model {package.model_id}" in capsys.readouterr().out
    assert sorted(p.name for p in out.iterdir()) == ["card.md", "model.json", "weights.safetensors"]


def test_the_console_runs_it_and_options_reach_the_network(file: Path, tmp_path: Path) -> None:
    """A green clip: the file's second channel, in bgr too; 1 of 0.5 to 1 by mean and std."""
    out = tmp_path / "package.tar.gz"
    options = ["--labels", "neutral", "happy", "sad", "--mean", "0.5", "--std", "0.25"]
    argv = ["--onnx", str(file), "--out", str(out), "--colour", "bgr", "--detector", "dlib"]
    assert console.main(["import-model", *argv, *options]) == 0
    package = load_package(str(out))
    clips = np.zeros((1, 16, 112, 112, 3), np.uint8)
    clips[..., 1] = 255
    logits = torch.tensor([-2.0, 2.1, -1.8])
    probs = Predictor(package, device="cpu").probs(clips)[0]
    np.testing.assert_allclose(probs, logits.softmax(0), atol=1e-5)


@pytest.mark.parametrize("options", [(), ("--frame", "crop")], ids=["default", "named"])
def test_frames_by_name(file: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    assert run(file, tmp_path / "crop", *options) == 0
    assert run(file, tmp_path / "arcface", "--frame", "arcface") == 0
    eyes = ("--frame", "eyes", "--eyes-apart", "0.3147", "--eye-height", "0.4607")
    assert run(file, tmp_path / "eyes", *eyes) == 0
    ids = [load_package(str(tmp_path / name)).model_id for name in ("crop", "arcface", "eyes")]
    assert ids[0] != ids[1]
    assert ids[1] == ids[2]


def huge(path: Path) -> None:
    model = onnx_model([node("Conv", "x w", "y")], {"w": np.ones((4, 3, 1, 1), np.float32)})
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1000, 1000, 750])
    model.graph.initializer[0].CopyFrom(tensor)
    path.write_bytes(model.SerializeToString())


def external(path: Path) -> None:
    model = onnx_model([node("Conv", "x w", "y")], {"w": np.ones((4, 3, 1, 1), np.float32)})
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL
    path.write_bytes(model.SerializeToString())


def resized(path: Path) -> None:
    nodes = [node("Resize", "x  s", "y")]
    path.write_bytes(onnx_bytes(nodes, {"s": np.ones(4, np.float32)}))


@pytest.mark.parametrize(
    "write, options, says",
    [
        (lambda p: p.write_bytes(COLOURS[:200]), (), "was cut short at 200 bytes"),
        (lambda p: p.write_bytes(b"<!DOCTYPE html>"), (), "it is a web page, not a model"),
        (lambda p: p.unlink(), (), "it does not exist"),
        (huge, (), "tensor 'w' of [1000, 1000, 750] has 3,000,000,000 bytes"),
        (external, (), "tensor 'w' is stored in another file"),
        (resized, (), "operator Resize is not supported; supported are Add, "),
        (None, ("--labels", "a", "b"), "it has 3 outputs, --labels names 2: a, b"),
        (None, ("--labels", "a", "b", "b"), "--labels names b more than once"),
        (None, ("--map", "fear=sad"), "--map names fear"),
        (None, ("--map", "c"), "--map 'c' must be LABEL=NEW"),
        (None, ("--preset", "face-api"), "it is no manifest of TensorFlow.js weights"),
        (None, ("--preset", "hsemotion-enet-b0"), "its input has 16 rows, the options give 224"),
        (None, ("--preset", "opencv-mobilefacenet"), "colours.onnx: "),
        (
            None,
            ("--preset", "opencv-mobilefacenet", "--input-px", "64"),
            "has labels and input of its own; leave out --input-px, or the preset",
        ),
        (None, ("--preset", "fer-mini-xception"), "colours.onnx: "),
        (None, ("--frame", "eyes"), "--frame eyes needs --eyes-apart and --eye-height"),
        (None, ("--temperature", "0"), "--temperature must be above 0, got 0"),
    ],
    ids=lambda value: "" if callable(value) else str(value)[:30],
)
def test_refuses_in_one_line_and_writes_nothing(
    file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    write: Callable[[Path], Any] | None,
    options: tuple[str, ...],
    says: str,
) -> None:
    if write:
        write(file)
    out = tmp_path / "package"
    assert run(file, out, *options) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert says in error
    assert not out.exists()


def test_needs_labels_or_a_preset(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--onnx", str(file), "--out", str(tmp_path / "package")]) == 2
    assert "with --labels, or a --preset" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["folder", "file", "archive.tar.gz"])
def test_refuses_an_output_that_is_not_empty(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    out = tmp_path / name
    target = out / "notes.txt" if name == "folder" else out
    target.parent.mkdir(exist_ok=True)
    target.write_text("mine")
    assert run(file, out) == 2
    assert f"--out {out} is " in capsys.readouterr().err
    assert target.read_text() == "mine"
    assert {p for p in out.parent.rglob("*") if p.is_file()} == {file, target}


def test_both_lists_of_presets_are_equal() -> None:
    from typing import get_args

    from emotion.published.presets import PresetName

    assert set(get_args(Preset)) == set(get_args(PresetName)) == {*PRESETS, *OWN_BACKBONES}


def test_face_api_answers_about_real_people(shared: Path, tmp_path: Path) -> None:
    """The person of single_face.mp4 looks neutral, then smiles."""
    out = tmp_path / "package"
    assert run(shared / MANIFEST, out, "--preset", "face-api") == 0
    package = load_package(str(out))
    assert package.labels == LABELS
    assert package.spec == spec_for("dlib")
    answer = load_video_predictor(str(out)).predict(shared / "data/real/single_face.mp4")
    labels = {row.label for row in answer.segments}
    assert labels <= {"neutral", "happy"}
    assert answer.segments[-1].label == "happy"


def test_a_changed_face_api_file_has_no_figures(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = shared / MANIFEST
    weights = bytearray(source.with_name("face_expression_model.bin").read_bytes())
    weights[0] ^= 1
    (tmp_path / "face_expression_model.bin").write_bytes(weights)
    (tmp_path / source.name).write_bytes(source.read_bytes())
    out = tmp_path / "package"
    assert run(tmp_path / source.name, out, "--preset", "face-api") == 0
    assert load_package(str(out)).trust.figures == ()
    assert "the preset's figures are left out" in capsys.readouterr().out


def test_mobilefacenet_by_its_preset_and_by_options_gives_equal_answers(
    shared: Path, tmp_path: Path
) -> None:
    file = tmp_path / "mobilefacenet.onnx"
    file.write_bytes(mobilefacenet_onnx(shared))
    labels = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
    options = ("--frame", "arcface", "--mean", "0.5", "--std", "0.5", "--temperature", "3")
    assert run(file, tmp_path / "preset", "--preset", "opencv-mobilefacenet") == 0
    assert run(file, tmp_path / "options", "--labels", *labels, *options) == 0
    clips = np.random.default_rng(0).integers(0, 256, (1, 16, 112, 112, 3), np.uint8)
    both = [Predictor.load(str(tmp_path / name), device="cpu") for name in ("preset", "options")]
    np.testing.assert_allclose(both[0].probs(clips), both[1].probs(clips), atol=1e-5)

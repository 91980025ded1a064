"""Pretrained weights: files, S3, packages, names of torchvision, and failures."""

from __future__ import annotations

import socket
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torchvision import models as vision
from torchvision.models import video

from emotion import storage
from emotion.errors import InputError
from emotion.models.registry import build_model
from emotion.package.model_package import load_package, pack_tar, save_package, weights_bytes
from emotion.train import pretrained
from emotion.train.pretrained import PretrainedWeights, load_pretrained
from tests.helpers.drawn_dataset import run, write_dataset
from tests.helpers.small_package import a_package

pytestmark = pytest.mark.large

R3D_URL = "https://download.pytorch.org/models/r3d_18-b3b3357e.pth"


@pytest.fixture(scope="module")
def kinetics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write torchvision's r3d_18 for 400 actions, with random weights."""
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("weights") / "r3d_18.pth"
    torch.save(video.r3d_18(weights=None, num_classes=400).state_dict(), path)
    return path


def test_a_video_network_with_another_head(kinetics: Path) -> None:
    model = build_model("r3d_18", 7, {})
    loaded = load_pretrained(model, "r3d_18", str(kinetics))
    state, given = model.state_dict(), torch.load(kinetics, weights_only=True)
    assert loaded.num_tensors == len(state) - 2 == len(loaded.taken)
    assert loaded.new == ("fc.weight", "fc.bias")
    assert loaded.left == ("fc.weight (400, 512)", "fc.bias (400,)")
    assert all(torch.equal(state[k], given[k]) for k in state if not k.startswith("fc."))
    assert state["fc.weight"].shape == (7, 512)
    assert str(loaded) == (
        f"pretrained {kinetics}: {loaded.num_tensors} tensors taken, new: fc.weight, fc.bias; "
        "left there: fc.weight (400, 512), fc.bias (400,)"
    )


@pytest.mark.parametrize("nested", [False, True], ids=["plain", "inside a checkpoint"])
def test_an_image_network_for_the_frames(tmp_path: Path, nested: bool) -> None:
    donor = vision.resnet18(weights=None).state_dict()
    torch.save({"epoch": 3, "state_dict": donor} if nested else donor, tmp_path / "resnet18.pth")
    model = build_model("cnn_gru", 3, {"backbone": "resnet18"})
    loaded = load_pretrained(model, "cnn_gru", str(tmp_path / "resnet18.pth"), backbone="resnet18")
    assert torch.equal(model.state_dict()["backbone.conv1.weight"], donor["conv1.weight"])
    assert loaded.num_tensors == len(donor) - 2
    assert all(name.startswith(("head.", "temporal.")) for name in loaded.new)
    assert loaded.left == ("fc.weight (1000, 512)", "fc.bias (1000,)")


def test_reads_s3(kinetics: Path, s3: str) -> None:
    uri = f"{s3}/weights/r3d_18.pth"
    storage.write_bytes(uri, kinetics.read_bytes())
    loaded = load_pretrained(build_model("r3d_18", 2, {}), "r3d_18", uri)
    assert loaded == PretrainedWeights(
        uri, loaded.num_tensors, ("fc.weight", "fc.bias"), loaded.left
    )
    with pytest.raises(InputError, match=f"{s3}/gone.pth' must be none, a name of torchvision"):
        load_pretrained(build_model("r3d_18", 2, {}), "r3d_18", f"{s3}/gone.pth")
    storage.write_bytes(f"{s3}/text.pth", b"text")
    with pytest.raises(InputError, match=f"weights {s3}/text.pth are not a file of tensors"):
        load_pretrained(build_model("r3d_18", 2, {}), "r3d_18", f"{s3}/text.pth")


def test_reads_a_package_and_its_archive(tmp_path: Path) -> None:
    folder, archive = str(tmp_path / "package"), str(tmp_path / "model.tar.gz")
    save_package(folder, a_package())
    pack_tar(folder, archive)
    args = {"width": 4, "input_px": 16}
    for source in (folder, archive):
        model = build_model("r3d_lite", 2, args)
        loaded = load_pretrained(model, "r3d_lite", source)
        assert loaded.new == ("head.weight", "head.bias")
        stem = a_package().build().state_dict()["stem.weight"]
        assert torch.equal(model.state_dict()["stem.weight"], stem)


def test_mismatches_are_listed_by_name_and_counted(tmp_path: Path) -> None:
    state = build_model("r3d_lite", 3, {"width": 4, "input_px": 16}).state_dict()
    state["extra"] = torch.zeros(1)
    del state["stem_norm.bias"]
    torch.save(state, tmp_path / "small.pth")
    with pytest.raises(InputError) as caught:
        load_pretrained(build_model("r3d_lite", 3, {}), "r3d_lite", str(tmp_path / "small.pth"))
    text = str(caught.value)
    assert "are not those of r3d_lite; " in text and "\n" not in text
    assert "stem.weight is (4, " in text and "stem_norm.bias is missing" in text
    assert " and " in text and text.endswith(" more")


def test_of_nothing_all_is_new() -> None:
    model = build_model("r3d_lite", 2, {})
    loaded = load_pretrained(model, "r3d_lite", "none")
    assert loaded == PretrainedWeights("none", 0, tuple(k for k, _ in model.named_parameters()))


@pytest.mark.parametrize(
    "name, source, says",
    [
        ("r3d_18", "KINETICS", "'KINETICS' must be none, .* for r3d_18, one of KINETICS400_V1"),
        ("r3d_lite", "DEFAULT", "r3d_lite has no weights at torchvision"),
    ],
)
def test_refuses_a_name(name: str, source: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        load_pretrained(build_model(name, 2, {}), name, source)


def test_a_name_is_read_from_torchs_cache(
    kinetics: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cache = tmp_path / "hub/checkpoints"
    cache.mkdir(parents=True)
    (cache / "r3d_18-b3b3357e.pth").write_bytes(kinetics.read_bytes())
    loaded = load_pretrained(build_model("r3d_18", 7, {}), "r3d_18", "kinetics400")
    assert loaded.source == "kinetics400" and loaded.new == ("fc.weight", "fc.bias")
    (cache / "r3d_18-b3b3357e.pth").write_bytes(b"text")
    with pytest.raises(InputError, match="r3d_18 are damaged, in torch's cache"):
        load_pretrained(build_model("r3d_18", 7, {}), "r3d_18", "kinetics400")


@pytest.mark.parametrize("proxy", ["closed", "silent"])
def test_a_download_that_cannot_be_had_is_one_line_and_soon(
    proxy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One proxy refuses the connection, one accepts it and never sends a byte."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setattr(pretrained, "NO_ANSWER_S", 1.0)
    monkeypatch.setattr(
        urllib.request, "_opener", None
    )  # urllib keeps the proxies of its first use
    closed, silent = socket.socket(), socket.create_server(("127.0.0.1", 0))
    closed.bind(("127.0.0.1", 0))
    began = time.monotonic()
    with closed, silent:
        port = (closed if proxy == "closed" else silent).getsockname()[1]
        for name in ("https_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        with pytest.raises(InputError) as caught:
            load_pretrained(build_model("r3d_18", 7, {}), "r3d_18", "KINETICS400_V1")
    assert time.monotonic() - began < 10
    text = str(caught.value)
    assert f"weights KINETICS400_V1 of r3d_18 are not in torch's cache and {R3D_URL}" in text
    assert ("Connection refused" if proxy == "closed" else "timed out") in text
    assert "name it with --pretrained PATH" in text and "\n" not in text
    assert socket.getdefaulttimeout() is None


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("drawn") / "dataset")


def test_a_job_starts_from_a_package_of_other_labels(
    dataset: Path, tmp_path: Path, local_ray: None, capfd: pytest.CaptureFixture[str]
) -> None:
    """With a learning rate near 0 the backbone stays: the workers received it."""
    torch.manual_seed(7)
    state = build_model("r3d_lite", 5, {"width": 4, "input_px": 16}).state_dict()
    donor = replace(a_package(tuple("abcde")), weights=weights_bytes(state))
    save_package(str(tmp_path / "donor"), donor)
    flags = ["--pretrained", str(tmp_path / "donor"), "--model-args", "width=4", "input_px=16"]
    flags += ["--epochs", "1", "--lr", "1e-12", "--ema-decay", "0"]
    assert run(dataset, tmp_path / "run", *flags) == 0
    out = capfd.readouterr().out
    assert f"pretrained {tmp_path}/donor: " in out and "new: head.weight, head.bias" in out
    loaded = load_package(str(tmp_path / "run/package"))
    assert loaded.labels == ("upper", "lower", "both")
    given, kept = donor.build().state_dict(), loaded.build().state_dict()
    assert torch.allclose(kept["stem.weight"], given["stem.weight"], atol=1e-6)
    assert kept["head.weight"].shape[0] == 3 and given["head.weight"].shape[0] == 5
    report = loaded.training["pretrained_report"]
    assert isinstance(report, dict)
    assert report["new"] == ["head.weight", "head.bias"] and report["num_tensors"] > 10


def test_a_job_says_it_before_anything_starts(
    dataset: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It leaves no folder, so that the corrected command can use the same --out."""
    assert run(dataset, tmp_path / "run", "--pretrained", "KINETICS400_V1") == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("error: --pretrained KINETICS400_V1: r3d_lite has no weights")
    assert not (tmp_path / "run").exists()

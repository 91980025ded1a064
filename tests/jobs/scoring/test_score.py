"""Compare the score job with the predictor."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import s3fs

from emotion import storage
from emotion.errors import InputError
from emotion.labels import LABELS
from emotion.predict.video import VideoPredictor, load_video_predictor
from schemas.scores import score_tables
from tests.helpers.scoring import assert_same, rows, score

pytestmark = pytest.mark.large


@pytest.fixture(scope="module")
def archive(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the corpus, and files that cannot be scored."""
    root = tmp_path_factory.mktemp("archive") / "videos"
    shutil.copytree(corpus / "videos", root)
    whole = (corpus / "videos/s0/happy.mp4").read_bytes()
    (root / "text.mp4").write_bytes(b"I am text")
    (root / "zero.mov").write_bytes(b"")
    (root / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    (root / "notes.txt").write_text("not listed")
    return root


@pytest.fixture(scope="module")
def scores(archive: Path, package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Score the archive with the package."""
    out = tmp_path_factory.mktemp("scored") / "scores"
    assert score(archive, package, out) == 0
    return out


@pytest.fixture(scope="module")
def predictor(package: Path) -> VideoPredictor:
    return load_video_predictor(str(package), device="cpu")


def test_every_file_is_accounted_for(scores: Path) -> None:
    assert {r["uri"]: r["reason"] for r in rows(scores, "rejects")} == {
        "cut.mp4": "truncated",
        "text.mp4": "not_a_video",
        "zero.mov": "empty_file",
    }
    assert len(rows(scores, "videos")) == 6
    success = json.loads((scores / "_SUCCESS").read_text())
    assert success["counts"] == {name: len(rows(scores, name)) for name in score_tables(LABELS)}
    assert success["labels"] == list(LABELS)


def test_scores_are_those_of_predict(
    scores: Path, archive: Path, predictor: VideoPredictor
) -> None:
    clips = rows(scores, "scores")
    for row in rows(scores, "videos"):
        prediction = predictor.predict(archive / row["uri"])
        assert row["label"] == prediction.label
        assert row["coverage"] == pytest.approx(prediction.coverage)
        assert row["duration_s"] == prediction.duration_s
        for label in LABELS:
            assert row[f"prob_{label}"] == pytest.approx(prediction.probs[label], abs=1e-5)
        mine = [c for c in clips if c["uri"] == row["uri"]]
        assert len(mine) == len(prediction.clips) == row["num_clips"]
        for clip, expected in zip(mine, prediction.clips, strict=True):
            assert (clip["start_s"], clip["stop_s"]) == (expected.start_s, expected.stop_s)
            assert clip["box"] == pytest.approx(expected.box, abs=1e-3)
            assert sum(clip[f"prob_{label}"] for label in LABELS) == pytest.approx(1, abs=1e-5)
            for label in LABELS:
                assert clip[f"prob_{label}"] == pytest.approx(expected.probs[label], abs=1e-5)


def test_a_video_without_a_face_has_a_reason(
    package: Path, tmp_path: Path, predictor: VideoPredictor
) -> None:
    from tests.helpers.drawing import number_video

    (tmp_path / "videos").mkdir()
    path = number_video(tmp_path / "videos/blank.mp4", 30)
    assert score(tmp_path / "videos", package, tmp_path / "out") == 0
    (row,) = rows(tmp_path / "out", "videos")
    assert (row["label"], row["reason"], row["coverage"]) == (None, "no_face", 0.0)
    assert row["prob_happy"] is None
    prediction = predictor.predict(path)
    assert (prediction.label, prediction.reason, prediction.clips) == (None, "no_face", ())


def test_the_same_command_again_does_only_what_is_missing(
    scores: Path, archive: Path, package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = Path(shutil.copytree(scores, tmp_path / "out"))
    assert score(archive, package, out) == 0
    assert "nothing to do" in capsys.readouterr().out
    (out / "_SUCCESS").unlink()
    (out / "_ledger/done/0000-000002.json").unlink()
    (out / "scores/part-0000-000002.parquet").unlink()
    assert score(archive, package, out) == 0
    for name in score_tables(LABELS):
        assert_same(rows(out, name), rows(scores, name))


def test_a_removed_video_is_taken_out(
    scores: Path, archive: Path, package: Path, tmp_path: Path
) -> None:
    out, fewer = tmp_path / "out", tmp_path / "fewer"
    shutil.copytree(archive, fewer)
    assert score(fewer, package, out) == 0
    (gone,) = fewer.rglob("s0/happy.mp4")
    gone.unlink()
    assert score(fewer, package, out) == 0
    uris = {row["uri"] for row in rows(scores, "videos")}
    name = str(gone.relative_to(fewer))
    assert {row["uri"] for row in rows(out, "videos")} == uris - {name}
    assert name not in {row["uri"] for row in rows(out, "scores")}
    assert storage.read_json(str(out / "_SUCCESS"))["counts"]["videos"] == len(uris) - 1


def test_s3_and_a_tarball_give_the_same(
    scores: Path, archive: Path, package: Path, s3: str, tmp_path: Path
) -> None:
    from emotion.package.model_package import pack_tar

    s3fs.S3FileSystem(skip_instance_cache=True).put(str(archive), f"{s3}/videos", recursive=True)
    pack_tar(str(package), f"{s3}/model.tar.gz")
    assert score(f"{s3}/videos", f"{s3}/model.tar.gz", f"{s3}/scores") == 0
    ours, theirs = ({r["uri"]: r for r in rows(d, "videos")} for d in (f"{s3}/scores", scores))
    assert ours.keys() == theirs.keys()
    for uri, row in ours.items():
        assert_same([row | {"video_id": ""}], [theirs[uri] | {"video_id": ""}])


def test_onnxruntime_gives_the_same_and_is_stored_in_the_config(
    scores: Path,
    archive: Path,
    package: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from jobs import export_onnx

    out, exported = tmp_path / "out", tmp_path / "package"
    assert score(archive, package, out, "--engine", "onnx") == 2
    assert "has no model.onnx, which engine onnx needs; run jobs.export_onnx" in (
        capsys.readouterr().err
    )
    assert not out.exists()
    assert export_onnx.main(["--package", str(package), "--out", str(exported)]) == 0
    assert score(archive, exported, out, "--engine", "onnx") == 0
    assert json.loads((out / "config.json").read_text())["engine"] == "onnx"
    assert json.loads((scores / "config.json").read_text())["engine"] == "torch"
    ours, theirs = rows(out, "scores"), rows(scores, "scores")
    assert [row["clip_id"] for row in ours] == [row["clip_id"] for row in theirs]
    for label in LABELS:
        column = f"prob_{label}"
        assert [r[column] for r in ours] == pytest.approx([r[column] for r in theirs], abs=1e-4)
    assert score(archive, exported, out) == 2
    assert "was made with engine 'onnx', now 'torch'" in capsys.readouterr().err
    assert score(archive, package, scores, "--chunk-minutes", "3") == 2
    assert "was made with chunk_minutes 5.0, now 3.0" in capsys.readouterr().err


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda p: (p / "model.json").unlink(), "model.json"),
        (lambda p: (p / "weights.safetensors").write_bytes(b"rot"), "weights"),
        (lambda p: (p / "model.json").write_text("{}"), "model.json"),
    ],
    ids=["no facts", "other weights", "empty facts"],
)
def test_a_wrong_package_is_one_clear_line(
    archive: Path,
    package: Path,
    tmp_path: Path,
    make: Any,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    broken = Path(shutil.copytree(package, tmp_path / "package"))
    make(broken)
    assert score(archive, broken, tmp_path / "out") == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: ")
    assert message in error
    assert "\n" not in error
    assert not (tmp_path / "out").exists()


def test_another_model_needs_another_output(
    scores: Path, archive: Path, tmp_path: Path, package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import dataclasses

    from emotion.package.model_package import load_package, save_package

    other = dataclasses.replace(load_package(str(package)), training={"seed": 2})
    save_package(str(tmp_path / "other"), other)
    assert score(archive, tmp_path / "other", scores) == 2
    assert "was made with model_id" in capsys.readouterr().err


def test_a_spec_that_cannot_be_reproduced_is_refused(
    archive: Path, tmp_path: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refuse a package that needs YuNet if its weights cannot be had anywhere."""
    import dataclasses

    from emotion import weights
    from emotion.extract.detect import spec_for
    from emotion.package.model_package import load_package, save_package

    yunet = dataclasses.replace(load_package(str(package)), spec=spec_for("yunet"))
    save_package(str(tmp_path / "yunet"), yunet)
    monkeypatch.delenv("VIDEO_EMOTION_YUNET", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    unreachable = dataclasses.replace(weights.YUNET, urls=("http://127.0.0.1:9/none.onnx",))
    monkeypatch.setattr(weights, "YUNET", unreachable)
    assert score(archive, tmp_path / "yunet", tmp_path / "out") == 2
    with pytest.raises(InputError, match="--yunet PATH"):
        load_video_predictor(str(tmp_path / "yunet"))

"""Demo corpus: equal frames for equal keys, true labels, faces that detectors detect."""

from __future__ import annotations

import csv
import json
from functools import cache
from pathlib import Path

import av
import cv2
import dlib
import numpy as np
import pytest
from numpy.typing import NDArray

from emotion.errors import InputError
from emotion.labels import LABELS
from emotion.synth.clip import Plan, plan_clip, render_clip, render_frame
from emotion.synth.corpus import write_corpus
from emotion.synth.face import Head
from emotion.synth.identity import make_identity
from jobs import make_corpus

pytestmark = pytest.mark.large

SEED = 3
Picture = NDArray[np.uint8]


def read_video(path: Path) -> tuple[int, list[Picture]]:
    with av.open(str(path)) as container:
        rate = container.streams.video[0].average_rate
        frames = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    assert rate is not None and rate.denominator == 1
    return rate.numerator, [np.asarray(f, np.uint8) for f in frames]


@cache
def head_of(subject: int) -> Head:
    return Head(make_identity(seed=SEED, subject=subject))


def still(plan: Plan, subject: int, index: int) -> Picture:
    """Render frame ``index`` without head movement, blinks, gaze and other frames' noise."""
    calm = Plan(
        plan.facts,
        type(plan.take)(
            intensity=plan.take.intensity,
            onset_s=plan.take.onset_s,
            offset_s=plan.take.offset_s,
            units=plan.take.units[index : index + 1],
            blink=np.zeros(1, np.float32),
            gaze=np.zeros((1, 2), np.float32),
        ),
        plan.scene,
        (plan.scene.home,),
    )
    return render_frame(calm, head_of(subject), index=0)


def region(plan: Plan, picture: Picture, *, top: float, bottom: float) -> Picture:
    """Return the middle of the face between two heights in canvas units."""
    home = plan.scene.home
    rows = slice(int(home.y_px + top * home.unit_px), int(home.y_px + bottom * home.unit_px))
    columns = slice(int(home.x_px - 0.7 * home.unit_px), int(home.x_px + 0.7 * home.unit_px))
    return picture[rows, columns]


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a corpus of one subject with the job."""
    out = tmp_path_factory.mktemp("made") / "corpus"
    command = ["--out", str(out), "--subjects", "1", "--seed", str(SEED), "--workers", "1"]
    assert make_corpus.main(command) == 0
    return out


def test_same_keys_same_file_other_subject_other_face(made: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.mp4"
    facts = render_clip(again, seed=SEED, subject=0, label="disgust")
    assert again.read_bytes() == (made / "videos/s000/s000_disgust.mp4").read_bytes()
    assert facts.subject_id == "s000"
    # Equal light and place, so that only the person differs.
    plan = plan_clip(seed=SEED, subject=0, label="disgust")
    first, other = (still(plan, subject, 0).astype(int) for subject in (0, 1))
    assert (
        np.abs(
            region(plan, first, top=-1, bottom=1.5) - region(plan, other, top=-1, bottom=1.5)
        ).mean()
        > 5
    )


def test_table_says_what_the_containers_say(made: Path) -> None:
    rows = read_table(made / "labels.csv")
    columns = "uri,subject_id,label,intensity,skin_tone,fps,frames,width,height,onset_s,offset_s"
    assert ",".join(rows[0]) == f"{columns},domain"
    assert {row["domain"] for row in rows} == {"drawn"}
    assert [row["uri"] for row in rows] == [f"videos/s000/s000_{label}.mp4" for label in LABELS]
    assert [row["label"] for row in rows] == list(LABELS)
    for row in rows:
        fps, frames = read_video(made / row["uri"])
        assert (fps, len(frames)) == (int(row["fps"]), int(row["frames"]))
        assert frames[0].shape == (int(row["height"]), int(row["width"]), 3)
        assert 1.7 <= len(frames) / fps <= 3.1
        neutral = row["label"] == "neutral"
        assert (float(row["intensity"]) == 0.0) == neutral
        assert neutral or 0 < float(row["onset_s"]) < float(row["offset_s"]) < len(frames) / fps
    assert sorted(path.name for path in made.iterdir()) == ["config.json", "labels.csv", "videos"]


def test_processes_render_the_same_bytes_and_a_second_call_renders_nothing(
    made: Path, tmp_path: Path
) -> None:
    out = tmp_path / "two"

    def write() -> Path:
        return write_corpus(out, subjects=2, seed=SEED, workers=2, labels=["fear"])

    rows = read_table(write())
    assert [row["uri"] for row in rows] == [f"videos/s00{k}/s00{k}_fear.mp4" for k in (0, 1)]
    video = out / "videos/s000/s000_fear.mp4"
    assert video.read_bytes() == (made / "videos/s000/s000_fear.mp4").read_bytes()
    video.write_bytes(b"kept")
    assert write() == out / "labels.csv"
    assert video.read_bytes() == b"kept"


# Mean change of grey levels between the first frame and the apex, in brows and in mouth.
@pytest.mark.parametrize(
    "label, brows_move, mouth_moves",
    [
        ("neutral", False, False),
        ("happy", False, True),
        ("sad", True, True),
        ("angry", True, True),
        ("surprise", True, True),
        ("fear", True, True),
        ("disgust", True, True),
    ],
)
def test_an_expression_moves_its_part_of_the_face(
    label: str, brows_move: bool, mouth_moves: bool
) -> None:
    for subject in (0, 1):
        plan = plan_clip(seed=SEED, subject=subject, label=label)
        apex = round((plan.facts.onset_s + plan.facts.offset_s) / 2 * plan.facts.fps)
        before, after = (still(plan, subject, k) for k in (0, apex or plan.facts.frames // 2))
        change = {
            name: np.abs(
                region(plan, after, top=top, bottom=bottom).astype(int)
                - region(plan, before, top=top, bottom=bottom)
            ).mean()
            for name, top, bottom in (("brows", -0.55, -0.15), ("mouth", 0.75, 1.35))
        }
        assert (change["brows"] > 4, change["mouth"] > 4) == (brows_move, mouth_moves), change


@pytest.fixture(scope="module")
def pictures() -> list[Picture]:
    """Render five moments of every expression of four subjects."""
    plans = [
        (subject, plan_clip(seed=SEED, subject=subject, label=label))
        for subject in range(4)
        for label in LABELS
    ]
    return [
        render_frame(plan, head_of(subject), index=round(share * plan.facts.frames))
        for subject, plan in plans
        for share in (0.05, 0.25, 0.45, 0.65, 0.85)
    ]


def scaled(picture: Picture, longest_px: int) -> Picture:
    factor = longest_px / max(picture.shape[:2])
    return np.asarray(cv2.resize(picture, None, fx=factor, fy=factor), np.uint8)


def test_dlib_finds_the_face(pictures: list[Picture]) -> None:
    detector = dlib.get_frontal_face_detector()
    counts = [len(detector(scaled(picture, 480), 0)) for picture in pictures]
    assert len(counts) == 140
    assert np.mean([n >= 1 for n in counts]) >= 0.95
    assert np.mean([n > 1 for n in counts]) <= 0.02


def test_yunet_finds_the_face(pictures: list[Picture], shared: Path) -> None:
    weights = shared / "models/face_detection_yunet_2023mar.onnx"
    detector = cv2.FaceDetectorYN.create(str(weights), "", (320, 320), 0.7)
    counts = []
    for picture in pictures:
        small = scaled(picture, 320)
        detector.setInputSize((small.shape[1], small.shape[0]))
        faces = detector.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))[1]
        counts.append(0 if faces is None else len(faces))
    assert np.mean([n >= 1 for n in counts]) >= 0.95
    assert np.mean([n > 1 for n in counts]) <= 0.02


@pytest.mark.parametrize(
    "subjects, seed, workers, message",
    [
        (0, 1, 1, "--subjects must be at least 1, got 0"),
        (1, -1, 1, "--seed must be at least 0, got -1"),
        (1, 1, 0, "--workers must be at least 1, got 0"),
    ],
    ids=["no people", "seed below zero", "no workers"],
)
def test_bad_numbers_are_refused(
    tmp_path: Path, subjects: int, seed: int, workers: int, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        write_corpus(tmp_path / "c", subjects=subjects, seed=seed, workers=workers)
    assert not (tmp_path / "c").exists()


def test_a_folder_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/notes.txt").write_text("mine")
    (tmp_path / "other").mkdir()
    config = json.dumps({"renderer": 1, "seed": 9, "subjects": 1})
    (tmp_path / "other/config.json").write_text(config + "\n")
    for name, message in [
        ("file", "is a file, must be a folder"),
        ("full", "is not empty and holds no corpus"),
        ("other", 'made with .*"seed": 9.*, not .*"seed": 1'),
    ]:
        with pytest.raises(InputError, match=message):
            write_corpus(tmp_path / name, subjects=1, seed=1, workers=1)
    assert (tmp_path / "full/notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "name, subject, label, message",
    [
        ("a.mp4", 0, "bored", "label 'bored'"),
        ("a.mp4", -1, "happy", "subject must be at least 0, got -1"),
        ("a.avi", 0, "happy", "must end in .mp4"),
    ],
)
def test_bad_keys_are_refused(
    tmp_path: Path, name: str, subject: int, label: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        render_clip(tmp_path / name, seed=1, subject=subject, label=label)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_no_table(tmp_path: Path) -> None:
    out = tmp_path / "corpus"
    out.mkdir()
    (out / "config.json").write_text(
        json.dumps({"renderer": 1, "seed": SEED, "subjects": 1, "labels": ["sad"]}) + "\n"
    )
    (out / "videos").write_text("a file where the folder of videos should go")
    with pytest.raises(OSError, match="videos"):
        write_corpus(out, subjects=1, seed=SEED, workers=1, labels=["sad"])
    assert not (out / "labels.csv").exists()


def test_job_says_what_it_made(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = ["--out", str(made), "--subjects", "1", "--seed", str(SEED)]
    assert make_corpus.main(again) == 0
    assert "already complete: 7 videos of 1 subjects" in capsys.readouterr().out
    assert make_corpus.main(["--out", str(tmp_path / "c"), "--subjects", "0"]) == 2
    assert capsys.readouterr().err == "error: --subjects must be at least 1, got 0\n"

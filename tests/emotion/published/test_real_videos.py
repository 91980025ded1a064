"""Answers of both published networks for real videos whose expressions a viewer can name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from emotion.extract.detect import spec_for
from emotion.extract.extractor import Extractor
from emotion.package.model_package import ModelPackage
from emotion.predict.answer import VideoPrediction
from emotion.predict.predictor import Predictor
from emotion.predict.video import VideoPredictor
from emotion.weights import YUNET

pytestmark = pytest.mark.large

Answer = Callable[[str], VideoPrediction]


def answers(package: ModelPackage, shared: Path) -> Answer:
    """Return a function from the name of a real video to the package's answer; it keeps answers."""
    yunet = (shared / "models" / YUNET.name).read_bytes()
    model = yunet if package.spec.detector == "yunet" else None
    extractor = Extractor(package.spec, yunet_model=model)
    predictor = VideoPredictor(extractor, Predictor(package, device="cpu"))
    known: dict[str, VideoPrediction] = {}

    def answer(name: str) -> VideoPrediction:
        if name not in known:
            known[name] = predictor.predict(shared / "data" / "real" / name)
        return known[name]

    return answer


@pytest.fixture(scope="module", params=["mobilefacenet", "mini_xception"])
def package(request: pytest.FixtureRequest) -> ModelPackage:
    """Return each network for crops by YuNet's boxes."""
    found: ModelPackage = request.getfixturevalue(request.param)
    return dataclasses.replace(found, spec=spec_for("yunet"))


@pytest.fixture(scope="module")
def answer(package: ModelPackage, shared: Path) -> Answer:
    return answers(package, shared)


def test_a_man_rests_then_smiles(answer: Answer) -> None:
    labels = [one.label for one in answer("single_face.mp4").segments]
    assert labels == ["neutral", "happy"]


def test_dlib_sees_the_same(mini_xception: ModelPackage, shared: Path) -> None:
    """This is what a machine answers that reaches a package mirror only."""
    assert mini_xception.spec.detector == "dlib"
    video = answers(mini_xception, shared)("single_face.mp4")
    assert [one.label for one in video.segments] == ["neutral", "happy"]


def test_a_man_is_sad_then_happy(answer: Answer) -> None:
    """For about 10 s he looks down and sighs; then he laughs until the end."""
    video = answer("WolfgangLanger_Pexels.mp4")
    first, last = video.segments[0], video.segments[-1]
    assert (first.label, last.label) == ("sad", "happy")
    assert first.start_s < 0.5
    assert first.stop_s - first.start_s >= 6
    assert last.stop_s - last.start_s >= 9
    assert last.stop_s > video.duration_s - 1


def test_a_serious_speech_is_neutral_or_uncertain(answer: Answer, package: ModelPackage) -> None:
    """One man speaks, one listens; neither smiles, frowns in anger or is afraid."""
    video = answer("obama_speech.mp4")
    assert len({clip.identity_id for clip in video.clips}) == 2
    for clip in video.clips:
        first, second = sorted(clip.probs.values(), reverse=True)[:2]
        assert clip.label == "neutral" or first - second < package.trust.margin
    for segment in video.segments:
        assert segment.label == "neutral" or segment.margin < package.trust.margin


def test_a_video_without_a_face_has_a_reason(answer: Answer) -> None:
    video = answer("no_face.mp4")
    assert (video.label, video.reason, video.clips) == (None, "no_face", ())

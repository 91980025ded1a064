"""The demo's picture: a person acting one expression after another, and what the model sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from emotion.errors import InputError
from emotion.extract.extractor import Extractor
from emotion.extract.walk import VideoSummary
from emotion.models.transforms import decode_crops
from emotion.predict.predictor import Predictor
from emotion.predict.video import detector_weights
from emotion.report.timeline import Known, Moment, timeline_png
from emotion.synth.clip import subject_name
from emotion.synth.reel import render_reel


def draw(out: Path, package: Path, *, seed: int, subject: int) -> None:
    """Write OUT/reel.mp4 and OUT/timeline.png.

    Raises:
        InputError: if the model finds no clip in the reel.
    """
    reel = out / "reel.mp4"
    acts = render_reel(reel, seed=seed, subject=subject)
    predictor = Predictor.load(str(package))
    moments = find_moments(reel, predictor)
    if not moments:
        raise InputError(f"no face was followed in {reel}; this is a fault of the demo's renderer")
    known = [Known(act.label, act.start_s, act.stop_s) for act in acts]
    title = f"{reel.name}: drawn person {subject_name(subject)}, whom the model has never seen"
    png = timeline_png(moments, predictor.package.labels, title=title, known=known)
    (out / "timeline.png").write_bytes(png)


def find_moments(path: Path, predictor: Predictor) -> list[Moment]:
    """The clips of a video with one face, with their crops and probabilities, in order of time."""
    package = predictor.package
    extractor = Extractor(package.spec, yunet_model=detector_weights(package, None))
    rows = extractor.rows(path, video_id=path.stem, summary=VideoSummary())
    clips: list[dict[str, Any]] = [row for table, row in rows if table == "clips"]
    probs = predictor.jpeg_probs([clip["crops"] for clip in clips])
    return [
        Moment(clip["start_s"], clip["stop_s"], vector, decode_crops(clip["crops"]))
        for clip, vector in zip(clips, probs.tolist(), strict=True)
    ]

"""Picture of the demo: a drawn person acts several expressions, and the model answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from emotion.errors import InputError
from emotion.extract.extractor import Extractor
from emotion.extract.walk import VideoSummary
from emotion.models.transforms import decode_crops
from emotion.predict.predictor import Predictor
from emotion.predict.video import detector_weights
from emotion.report.timeline import ActedSpan, DrawnClip, timeline_png
from emotion.synth.clip import subject_name
from emotion.synth.reel import render_reel


def draw(out: Path, package: Path, *, seed: int, subject: int) -> None:
    """Write OUT/reel.mp4, a video of one drawn person, and OUT/timeline.png, its picture.

    Args:
        out: an existing folder.
        package: folder of the model package.
        seed: seed of the video.
        subject: number of the drawn person.

    Raises:
        InputError: if no clip is found in the video.
    """
    reel = out / "reel.mp4"
    acts = render_reel(reel, seed=seed, subject=subject)
    predictor = Predictor.load(str(package))
    clips = score_clips(reel, predictor)
    if not clips:
        raise InputError(f"{reel} has no track of a face; this is a fault of the demo's renderer")
    acted = [ActedSpan(act.label, act.start_s, act.stop_s) for act in acts]
    title = f"{reel.name}: drawn person {subject_name(subject)}, not in the training data"
    png = timeline_png(clips, predictor.package.labels, title=title, acted=acted)
    (out / "timeline.png").write_bytes(png)


def score_clips(path: Path, predictor: Predictor) -> list[DrawnClip]:
    """Score the clips of a video with one face; return them in order of time."""
    package = predictor.package
    extractor = Extractor(package.spec, yunet_model=detector_weights(package, None))
    rows = extractor.rows(path, video_id=path.stem, summary=VideoSummary())
    clips: list[dict[str, Any]] = [row for table, row in rows if table == "clips"]
    probs = predictor.jpeg_probs([clip["crops"] for clip in clips])
    return [
        DrawnClip(clip["start_s"], clip["stop_s"], vector, decode_crops(clip["crops"]))
        for clip, vector in zip(clips, probs.tolist(), strict=True)
    ]

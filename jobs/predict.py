"""Print which expressions the faces of one video show, without Ray.

    python -m jobs.predict VIDEO --package RUN/package [--json]

VIDEO and the package are local paths or s3:// addresses.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import tyro

from emotion import storage
from emotion.errors import InputError, VideoError
from emotion.predict.answer import ClipPrediction, VideoPrediction
from emotion.predict.engine import Engine
from jobs.common.command import one_line_errors, parse

BAR_WIDTH = 20


@dataclass(frozen=True)
class Config:
    """Options of a prediction."""

    video: tyro.conf.Positional[str]
    """Video file to score, a local path or s3://."""
    package: Annotated[str | tuple[str, ...], tyro.conf.arg(aliases=["-p"])]
    """Model package: a folder, an s3:// prefix or a model.tar.gz. Of several with equal labels and
    extraction spec, the probabilities are averaged; name them after VIDEO."""
    json: bool = False
    """Print the whole answer as JSON instead of text."""
    yunet: str | None = None
    """File of YuNet's weights; default: $VIDEO_EMOTION_YUNET, then the cache, then a download."""
    device: str = "auto"
    """Device of the model: cpu, cuda or cuda:N; auto takes a GPU if there is one, else the CPU."""
    engine: Engine = "torch"
    """Runtime of the model: torch; or onnx, the model.onnx that jobs.export_onnx adds, on CPU."""


def predict(config: Config) -> VideoPrediction:
    """Return the answer for ``config.video``.

    Raises:
        InputError: if the video does not exist or cannot be used, or the package is broken.
    """
    from emotion.predict.video import load_video_predictor  # imports torch: not for --help

    predictor = load_video_predictor(
        config.package,
        yunet_weights=config.yunet,
        device=config.device,
        engine=config.engine,
    )
    try:
        with storage.local_copy(config.video) as path:
            answer = predictor.predict(path)
    except FileNotFoundError as err:
        raise InputError(f"video {config.video} does not exist; name a video file") from err
    except VideoError as err:
        raise InputError(f"video {config.video} cannot be used: {err}") from err
    return dataclasses.replace(answer, uri=config.video)


def summary_lines(answer: VideoPrediction) -> list[str]:
    """Return the lines to print: the video's label, then one line per clip, in order of time."""
    if answer.label is None or answer.confidence is None:
        head = f"{answer.uri}: no label ({answer.reason})"
    else:
        head = f"{answer.uri}: {answer.label} {answer.confidence:.2f}"
    faces = f"{answer.num_tracks} face" + ("" if answer.num_tracks == 1 else "s")
    lines = [
        head,
        f"  {answer.duration_s:.1f} s, {faces}, seen in {answer.coverage:.0%} of the samples, "
        f"model {answer.model_id}",
    ]
    if answer.clips:
        lines += ["", "   start    stop  face  label"]
    return lines + [
        _clip_line(clip) for clip in sorted(answer.clips, key=lambda c: (c.start_s, c.track_id))
    ]


def _clip_line(clip: ClipPrediction) -> str:
    """Return a clip's times, track and three most probable labels, the first one with a bar."""
    ranked = sorted(clip.probs.items(), key=lambda item: -item[1])[:3]
    bar = "#" * round(BAR_WIDTH * clip.confidence)
    others = ", ".join(f"{label} {prob:.2f}" for label, prob in ranked[1:])
    return (
        f"{clip.start_s:7.2f} {clip.stop_s:7.2f} {clip.track_id:5}  "
        f"{clip.label:9} {clip.confidence:.2f} {bar:{BAR_WIDTH}} {others}"
    )


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Print the answer; return 0, also for a video without a face, or 2 for an unusable video."""
    config = parse(Config, argv, verb="jobs.predict", doc=__doc__)
    answer = predict(config)
    if config.json:
        print(json.dumps(dataclasses.asdict(answer), indent=1, allow_nan=False))
    else:
        print("\n".join(summary_lines(answer)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

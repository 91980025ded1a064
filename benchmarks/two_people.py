"""Measure if each person's timeline follows their own label, on two clips side by side.

    python -m benchmarks.two_people --videos ACTED --labels ACTED/labels.csv --package RUN/package

Pairs of clips of different people and labels are put side by side, at equal height and 24 frames a
second, and scored as one video. Prints how often each person gets the label that their clip gets
alone, and how often the true label.
"""

from __future__ import annotations

import argparse
import csv
import random
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from emotion.pooling import pool_clips
from emotion.predict.answer import ClipPrediction, VideoPrediction
from emotion.predict.video import load_video_predictor
from emotion.video.decode import Limits, VideoFacts, sample_frames

FPS, HEIGHT = 24, 360


def main(argv: Sequence[str] | None = None) -> int:
    """Print a line per pair and the sums."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--videos", "--labels", "--package"):
        parser.add_argument(name, required=True)
    parser.add_argument("--subjects", default="", help="subjects separated by commas; default: all")
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--yunet", default=None)
    flags = parser.parse_args(argv)
    chosen = set(filter(None, flags.subjects.split(",")))
    with Path(flags.labels).open(newline="", encoding="utf-8") as file:
        clips = [r for r in csv.DictReader(file) if not chosen or r["subject_id"] in chosen]
    predictor = load_video_predictor(flags.package, yunet_weights=flags.yunet)
    rng = random.Random(0)
    alike = right = alone_right = people = two = 0
    with tempfile.TemporaryDirectory(prefix="video-emotion-pairs-") as folder:
        for number in range(flags.pairs):
            pair = rng.sample(clips, 2)
            while pair[0]["subject_id"] == pair[1]["subject_id"] or (
                pair[0]["label"] == pair[1]["label"]
            ):
                pair = rng.sample(clips, 2)
            paths = [Path(flags.videos) / row["uri"] for row in pair]
            target = Path(folder) / "pair.mp4"
            middle = beside(paths, target)
            both = predictor.predict(target)
            sides = [side(both, middle, left=left) for left in (True, False)]
            alone = [predictor.predict(path).label for path in paths]
            truth = [row["label"] for row in pair]
            two += len({clip.track_id for clip in both.clips}) == 2
            people += 2
            alike += sum(a == s for a, s in zip(alone, sides, strict=True))
            right += sum(t == s for t, s in zip(truth, sides, strict=True))
            alone_right += sum(t == a for t, a in zip(truth, alone, strict=True))
            print(f"{number:3}  true {truth}  alone {alone}  together {sides}")
    print(
        f"{people} people in {flags.pairs} videos, {two} with two tracks: label as alone {alike}, "
        f"right {right}, right alone {alone_right}"
    )
    return 0


def beside(paths: Sequence[Path], target: Path) -> int:
    """Write two clips as one, as long as the shorter, and return the left one's width."""
    films = [frames(path) for path in paths]
    widths = [film[0].shape[1] for film in films]
    with av.open(str(target), "w") as out:
        stream = out.add_stream("libx264", rate=FPS, options={"crf": "12"})
        stream.width, stream.height, stream.pix_fmt = sum(widths), HEIGHT, "yuv420p"
        for index, pictures in enumerate(zip(*films, strict=False)):
            frame = av.VideoFrame.from_ndarray(np.hstack(pictures), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return int(widths[0])


def frames(path: Path) -> list[NDArray[np.uint8]]:
    """Return the frames of a clip at ``FPS``, resized to ``HEIGHT`` and an even width."""
    made: list[NDArray[np.uint8]] = []
    for frame in sample_frames(path, sample_fps=FPS, limits=Limits(), facts=VideoFacts()):
        while made and len(made) < frame.index:
            made.append(made[-1])
        height, width = frame.image.shape[:2]
        size = (2 * round(width * HEIGHT / height / 2), HEIGHT)
        made.append(np.asarray(cv2.resize(frame.image, size), np.uint8))
    return made


def side(answer: VideoPrediction, middle: int, *, left: bool) -> str | None:
    """Return the label pooled over the clips of one half of the image; None without clips."""

    def is_there(clip: ClipPrediction) -> bool:
        return ((clip.box[0] + clip.box[2]) / 2 < middle) == left

    clips = [clip for clip in answer.clips if is_there(clip)]
    if not clips:
        return None
    labels = list(clips[0].probs)
    vectors = [list(clip.probs.values()) for clip in clips]
    return labels[int(pool_clips(vectors, [clip.num_faces for clip in clips]).argmax())]


if __name__ == "__main__":
    raise SystemExit(main())

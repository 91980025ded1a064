"""Make clips larger and longer, as input of the other benchmarks.

    python -m benchmarks.reencode --clips a.mp4 b.mp4 --out FOLDER --height 720

Each clip is repeated to ``--seconds``, scaled to ``--height`` and written as H.264 with B-frames at
its own frame rate. labels.csv lists all results.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.video.frame import VideoFrame

from jobs.common.command import one_line_errors, parse


@dataclass(frozen=True)
class Config:
    """Settings of the results."""

    clips: tuple[str, ...]
    """Input videos."""
    out: str
    """Folder for the results."""
    height: int = 720
    """Height of the results in pixels."""
    seconds: float = 60.0
    """Length of the results."""


def frames(clip: str) -> Iterator[VideoFrame]:
    """Yield the clip's frames, repeated without end."""
    while True:
        with av.open(clip) as container:
            yield from container.decode(container.streams.video[0])


def reencode(clip: str, out: Path, *, height: int, seconds: float) -> None:
    """Write one result."""
    with av.open(clip) as container:
        stream = container.streams.video[0]
        rate = Fraction(stream.average_rate or 25).limit_denominator(1001)
        width = round(height * stream.width / stream.height / 2) * 2
    with av.open(str(out), "w") as target:
        made = target.add_stream("libx264", rate=rate, options={"preset": "veryfast", "crf": "21"})
        made.width, made.height, made.pix_fmt = width, height, "yuv420p"
        for number, frame in enumerate(frames(clip)):
            if number >= seconds * rate:
                break
            scaled = frame.reformat(width=width, height=height, format="yuv420p")
            scaled.pts, scaled.time_base = number, 1 / rate
            target.mux(made.encode(scaled))
        target.mux(made.encode(None))


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Write every result and the label table."""
    config = parse(Config, argv, verb="benchmarks.reencode", doc=__doc__)
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    lines = ["uri,subject_id,label"]
    for clip in config.clips:
        name = f"{Path(clip).stem}.mp4"
        reencode(clip, out / name, height=config.height, seconds=config.seconds)
        lines.append(f"{name},{Path(clip).stem},neutral")
        print(out / name)
    (out / "labels.csv").write_text("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

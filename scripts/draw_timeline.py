"""Draw docs/timeline.png: short videos of one person, one after the other, and a model's answers.

    python -m scripts.draw_timeline --videos neutral=a.mp4 happy=b.mp4 ... --package PACKAGE

Each video is named with the expression that it shows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import tyro

from emotion.predict.predictor import Predictor
from emotion.report.demo_picture import score_clips
from emotion.report.timeline import ActedSpan, DrawnClip, timeline_png


@dataclass(frozen=True)
class Config:
    """Options of the picture."""

    videos: tuple[str, ...]
    """Videos as LABEL=FILE, in the order of the picture."""
    package: Path
    """Folder of the model package."""
    title: str = "A rendered person, not in the training data"
    """Text above the picture."""
    out: Path = Path(__file__).resolve().parent.parent / "docs/timeline.png"
    """PNG file to write."""


def main() -> None:
    """Write the picture and print its number of clips."""
    config = tyro.cli(Config, description=__doc__)
    predictor = Predictor.load(str(config.package))
    clips: list[DrawnClip] = []
    acted: list[ActedSpan] = []
    for named in config.videos:
        label, _, file = named.partition("=")
        begin_s = clips[-1].stop_s if clips else 0.0
        for clip in score_clips(Path(file), predictor):
            length_s = clip.stop_s - clip.start_s
            start_s = clips[-1].stop_s if clips else 0.0
            clips.append(replace(clip, start_s=start_s, stop_s=start_s + length_s))
        acted.append(ActedSpan(label, begin_s, clips[-1].stop_s))
    png = timeline_png(clips, predictor.package.labels, title=config.title, acted=acted)
    config.out.write_bytes(png)
    print(f"{config.out}: {len(clips)} clips")


if __name__ == "__main__":
    main()

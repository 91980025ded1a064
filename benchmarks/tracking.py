"""Measure how often tracks and identities keep one person, on scenes with two people.

    python -m benchmarks.tracking --acted FOLDER [--yunet face_detection_yunet_2023mar.onnx]

FOLDER holds labels.csv (columns uri, subject_id) and the clips, several per person. Each scene is
composed, encoded as mp4, extracted, and scored twice: tracked by boxes only, and with the embedder.
Prints a Markdown table.
"""

from __future__ import annotations

import csv
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from benchmarks.scenes import FPS, KINDS, Truth, cut_out, pairs, plan, render
from emotion.extract.detect import load_detector, spec_for
from emotion.extract.embed import Embedder
from emotion.extract.extractor import Extractor
from emotion.extract.observe import Observation
from emotion.extract.track import iou
from emotion.extract.walk import VideoSummary, walk
from emotion.video.decode import VideoFacts
from emotion.weights import load_yunet

_MIN_IOU = 0.5
Tracked = list[tuple[int, tuple[float, ...]]]  # id and box


@dataclass(frozen=True)
class Config:
    """Settings of the measurement."""

    acted: Path
    """Folder with labels.csv and clips of one person each."""
    pairs: int = 10
    """Pairs of people; each plays every kind of scene."""
    seed: int = 11
    """Seed of the pairs, the paths and the backgrounds."""
    yunet: str | None = None
    """YuNet weights file; default: the cache, or a checked download."""
    keep: Path | None = None
    """Folder that keeps the scenes; default: they are deleted."""


@dataclass(frozen=True)
class Score:
    """Sums over frames, which add up over scenes.

    Attributes:
        truths: number of visible faces.
        tracked: number of tracked faces.
        agreed: number of tracked faces with the one id that fits their person best (IDTP).
        matched: number of tracked faces that overlap a visible one.
        pure: number of matched faces whose id is mostly on their person.
        switches: number of changes of a person's id from one matched frame to the next.
        ids: number of different ids.
    """

    truths: int = 0
    tracked: int = 0
    agreed: int = 0
    matched: int = 0
    pure: int = 0
    switches: int = 0
    ids: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(*(getattr(self, k) + getattr(other, k) for k in self.__dataclass_fields__))

    @property
    def idf1(self) -> float:
        """IDF1 of Ristani et al., "Performance measures ... multi-target, multi-camera", 2016."""
        return 2 * self.agreed / max(self.truths + self.tracked, 1)

    @property
    def purity(self) -> float:
        """Share of matched faces that are under an id of their own person, 0 to 1."""
        return self.pure / max(self.matched, 1)


@dataclass
class CountedEmbedder:
    """An embedder that counts its faces and its seconds."""

    embed: Embedder
    faces: int = 0
    seconds: float = 0.0

    def __call__(self, crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Embed crops and measure the time."""
        began = time.perf_counter()
        embeddings = self.embed(crops)
        self.seconds += time.perf_counter() - began
        self.faces += len(crops)
        return embeddings


def score(truth: Sequence[Sequence[Truth]], tracked: Sequence[Tracked]) -> Score:
    """Compare true and tracked faces by frame; ids of a scene are assigned to its people."""
    together: Counter[tuple[str, int]] = Counter()
    last: dict[str, int] = {}
    switches = 0
    for visible, faces in zip(truth, tracked, strict=True):
        for person, number in _matched(visible, faces):
            together[person, number] += 1
            switches += last.get(person, number) != number
            last[person] = number
    people = sorted({t.person for frame in truth for t in frame})
    ids = sorted({number for frame in tracked for number, _ in frame})
    table = np.array([[together[p, k] for k in ids] for p in people], np.int64)
    table = table.reshape(len(people), len(ids))
    rows, columns = linear_sum_assignment(table, maximize=True)
    return Score(
        truths=sum(map(len, truth)),
        tracked=sum(map(len, tracked)),
        agreed=int(table[rows, columns].sum()),
        matched=int(table.sum()),
        pure=int(table.max(axis=0).sum()) if people else 0,
        switches=switches,
        ids=len(ids),
    )


def _matched(visible: Sequence[Truth], faces: Tracked) -> list[tuple[str, int]]:
    """Match faces to people by the largest total IoU; return person and id of each IoU >= 0.5."""
    if not visible or not faces:
        return []
    boxes = [np.array(b, np.float32) for b in ([t.box for t in visible], [b for _, b in faces])]
    overlap = iou(boxes[0], boxes[1])
    matches = zip(*linear_sum_assignment(overlap, maximize=True), strict=True)
    return [(visible[i].person, faces[j][0]) for i, j in matches if overlap[i, j] >= _MIN_IOU]


def follow(
    observations: Sequence[Observation], extractor: Extractor, embed: CountedEmbedder | None
) -> tuple[list[Tracked], list[Tracked]]:
    """Return the tracked faces of every sampled frame, by track_id and by identity_id."""
    tracks: dict[int, Tracked] = defaultdict(list)
    identities: dict[int, Tracked] = defaultdict(list)
    summary = VideoSummary()
    rows = walk(observations, spec=extractor.spec, video_id="scene", summary=summary, embed=embed)
    for table, row in rows:
        face: dict[str, Any] = row
        if table == "faces" and face["track_id"] is not None:
            tracks[face["frame_index"]].append((face["track_id"], tuple(face["box"])))
            identities[face["frame_index"]].append((face["identity_id"], tuple(face["box"])))
    frames = [o.frame_index for o in observations]
    return [tracks[k] for k in frames], [identities[k] for k in frames]


def clips_of(acted: Path) -> dict[str, list[Path]]:
    """Return the clips of each person in the label table, both in order of name."""
    with (acted / "labels.csv").open(newline="") as table:
        rows = sorted(csv.DictReader(table), key=lambda row: (row["subject_id"], row["uri"]))
    clips: dict[str, list[Path]] = defaultdict(list)
    for row in rows:
        clips[row["subject_id"]].append(acted / row["uri"])
    return clips


def line(name: str, cells: Sequence[Score]) -> str:
    """Return a row of the table."""
    shown = [f"{c.idf1:.3f} | {c.switches} | {c.purity:.3f} | {c.ids}" for c in cells]
    return f"| {name} | {' | '.join(shown)} |"


def main(argv: Sequence[str] | None = None) -> int:
    """Make the scenes, follow the faces in them, and print the table."""
    config = tyro.cli(Config, args=argv, description=__doc__)
    yunet = load_yunet(config.yunet)
    extractor = Extractor(spec_for("yunet"), yunet_model=yunet)
    counted, detect = CountedEmbedder(Embedder()), load_detector(extractor.spec, yunet)
    clips = clips_of(config.acted)
    sums: dict[tuple[str, str], Score] = defaultdict(Score)
    seconds = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = config.keep or Path(name)
        for k, pair in enumerate(pairs(list(clips), config.pairs, seed=config.seed)):
            heads = {p: [cut_out(clips[p][n], detect) for n in (0, 3)] for p in pair}
            for kind in KINDS:
                path = folder / f"{kind}-{'-'.join(pair)}.mp4"
                truth = render(plan(kind, heads, seed=config.seed + k), path)
                seconds += len(truth) / FPS
                sampled = list(extractor.observations(path, facts=VideoFacts()))
                shown = [truth[round(o.pts_s * FPS)] for o in sampled]
                for how, embed in (("boxes", None), ("embedder", counted)):
                    by_track, by_identity = follow(sampled, extractor, embed)
                    for by, tracked in (("track", by_track), ("identity", by_identity)):
                        sums[kind, f"{how} {by}"] += score(shown, tracked)
    columns = ["boxes track", "embedder track", "embedder identity"]
    print(f"| scenes | {' | '.join(f'{c}: IDF1 | switches | purity | ids' for c in columns)} |")
    print("|---" * (1 + 4 * len(columns)) + "|")
    for kind in KINDS:
        print(line(f"{config.pairs} {kind}", [sums[kind, c] for c in columns]))
    total = [sum((sums[kind, c] for kind in KINDS), Score()) for c in columns]
    print(line("all", total))
    minutes = seconds / 60
    print(
        f"{minutes:.1f} minutes of video, {counted.faces} embeddings: "
        f"{counted.faces / minutes:.0f} and {counted.seconds / minutes:.2f} s a minute"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

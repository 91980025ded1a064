"""Options of ``jobs.score``; this module imports nothing large, so that the help comes quickly."""

from __future__ import annotations

from dataclasses import dataclass

from emotion.errors import InputError
from emotion.predict.engine import Engine
from emotion.predict.segments import SegmentRule
from emotion.ranges import Range, above, at_least, check_ranges
from jobs.common.command import Address


@dataclass(frozen=True)
class Config:
    """Options of a scoring run.

    Attributes:
        package: Model package: a folder, an s3:// prefix or a model.tar.gz.
        out: Folder for the scores: a new one, or that of an earlier run of the same command.
        videos: Folder of videos, searched with its sub-folders.
        from_dataset: Folder that jobs.build_dataset made, instead of --videos: its stored clips
            are scored, and no video is opened.
        yunet: YuNet weights; default: $VIDEO_EMOTION_YUNET, the cache, or a checked download.
        segment_enter: Lead in probability, 0 to 1, at which a label replaces the one before it.
        segment_min_s: Least length of a segment, in seconds; a shorter one goes to a neighbour.
        segment_gap_s: Longest absence of the face within a segment, in seconds.
        chunk_minutes: Length of a chunk: a longer video is cut into chunks, which several workers
            read.
        shard_minutes: Video time per shard, the unit of work and of resume; default: half a
            minute to an hour, by the size of the archive.
        engine: torch; or onnx: the package's model.onnx on the CPU, which jobs.export_onnx makes.
        batch_size: Clips per call of the model.
        gpu_share: Share of a GPU for each model: with 0.5 two models use one GPU.
        prices: JSON file of US dollars per hour by Ray resource, as {"CPU": 0.05, "GPU": 2.1};
            the metrics then include the cost of the run.
        address: Ray cluster to join; default: $RAY_ADDRESS, else a local Ray.
    """

    package: Address
    out: Address
    videos: Address | None = None
    from_dataset: Address | None = None
    yunet: str | None = None
    segment_enter: float = SegmentRule.enter
    segment_min_s: float = SegmentRule.min_s
    segment_gap_s: float = SegmentRule.max_gap_s
    chunk_minutes: float = 5.0
    shard_minutes: float | None = None
    engine: Engine = "torch"
    batch_size: int = 16
    gpu_share: float = 1.0
    prices: str | None = None
    address: str | None = None

    def __post_init__(self) -> None:
        if (self.videos is None) == (self.from_dataset is None):
            raise InputError("give one of --videos and --from-dataset")
        check_ranges(
            self,
            segment_enter=Range(0, 1, high_open=True),
            segment_min_s=at_least(0),
            segment_gap_s=at_least(0),
            chunk_minutes=above(0),
            shard_minutes=above(0),
            batch_size=at_least(1),
            gpu_share=Range(0, 1, low_open=True),
        )

    @property
    def rule(self) -> SegmentRule:
        """Rule by which segments are cut."""
        return SegmentRule(self.segment_enter, self.segment_min_s, self.segment_gap_s)

"""Options of jobs.build_dataset; this module imports nothing large, so that --help is fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from emotion.labels import LABELS
from emotion.ranges import above, check_ranges
from jobs.common.command import Address


@dataclass(frozen=True)
class Config:
    """Options of a build.

    Attributes:
        videos: Folder of videos, searched with its sub-folders.
        labels: Label table: CSV with columns uri, subject_id, label; split, fold and corpus are
            optional. Further columns are copied to the table videos.
        out: Folder of the dataset: a new one, or one that the same command began.
        detector: Face detector: yunet, dlib, or auto: yunet if its weights are available, else
            dlib.
        yunet: Address of YuNet's weights; default: $VIDEO_EMOTION_YUNET, then the cache, then a
            download with a checked SHA-256.
        label_set: Allowed labels between commas, in the order of the model's outputs.
        sample_fps: Samples per second of presentation time.
        clip_len: Crops per clip.
        clip_stride: Crops from the start of a clip to the start of the next; default: --clip-len,
            which uses each crop once. A lower value makes overlapping clips.
        crop_px: Side of the aligned crops in pixels.
        split_seed: Seed of the 70/15/15 split by subject, used for a label table without splits.
        on_partial: Treatment of a video whose decoding breaks off: reject leaves it out, keep
            keeps the part before the break. The table rejects names it in both cases.
        chunk_minutes: Length of a chunk in minutes. A longer video is cut into chunks, which
            different workers read.
        shard_minutes: Video time per shard in minutes; a shard is the unit of work and of resume.
            Default: total time / 32, at least half a minute and at most an hour.
        max_gb: Largest file of a video, in GiB.
        max_megapixels: Largest frame of a video, in megapixels.
        max_hours: Longest duration of a video, in hours.
        max_wall_s: Longest time to read a video, or a chunk of it, in seconds.
        dry_run: Print the plan and an estimate of time and size; write nothing.
        address: Ray cluster to join; default: $RAY_ADDRESS, else a local Ray.
    """

    videos: Address
    labels: Address
    out: Address
    detector: Literal["auto", "yunet", "dlib"] = "auto"
    yunet: str | None = None
    label_set: str = ",".join(LABELS)
    sample_fps: float = 8.0
    clip_len: int = 16
    clip_stride: int | None = None
    crop_px: int = 112
    split_seed: int = 0
    on_partial: Literal["reject", "keep"] = "reject"
    chunk_minutes: float = 5.0
    shard_minutes: float | None = None
    max_gb: float = 16.0
    max_megapixels: float = 36.0
    max_hours: float = 12.0
    max_wall_s: float = 3600.0
    dry_run: bool = False
    address: str | None = None

    def __post_init__(self) -> None:
        check_ranges(
            self,
            chunk_minutes=above(0),
            shard_minutes=above(0),
            max_gb=above(0),
            max_megapixels=above(0),
            max_hours=above(0),
        )

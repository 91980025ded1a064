"""Options of jobs.build_dataset; this module imports nothing large, so that --help is fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from emotion.labels import LABELS
from emotion.ranges import Range, above, check_ranges
from jobs.common.command import Address
from jobs.common.workers import RunnerName

IN_SPEC = (
    "detector",
    "detect_side",
    "landmarks",
    "sample_fps",
    "clip_len",
    "clip_stride",
    "crop_px",
)
"""Options that the extraction spec holds, which may not change when a build is resumed."""

MAY_CHANGE = (
    "out",
    "labels",
    "max_retire",
    "shard_minutes",
    "yunet",
    "max_wall_s",
    "dry_run",
    "runner",
    "address",
)
"""Options that may differ when a build is resumed.

A changed label table changes the plan, and its videos are built again. The others change no row,
except for ``max_wall_s``, whose effect depends on the machine anyway.
"""


@dataclass(frozen=True)
class Config:
    """Options of a build.

    Attributes:
        videos: Folder of videos, a local path or s3://; its sub-folders are searched too.
        labels: Label table: CSV with columns uri, subject_id, label; split, fold and corpus are
            optional. Additional columns are copied to the table videos.
        out: Folder for the dataset: new, or begun by the same command.
        detector: Face detector: yunet, dlib, or auto, which takes yunet if its weights are
            available, else dlib.
        detect_side: Longest side in pixels, 64 to 4096, of the picture in which faces are found; a
            smaller one is faster, a larger one finds smaller faces. auto takes 320 (dlib: 640), and
            for frames above 1280 pixels a larger picture too; docs/datasets.md has the smallest
            faces.
        landmarks: Landmarks by which faces are cropped: dlib's predictor in the detected box, or
            yunet, the detector's own. With detector dlib only dlib.
        yunet: File of YuNet's weights, a local path or s3://; default: $VIDEO_EMOTION_YUNET, then
            the cache, then a download with a checked SHA-256.
        label_set: Allowed labels separated by commas, in the order of the model's outputs.
        sample_fps: Sampled frames per second of video, above 0, at most 240.
        clip_len: Number of crops per clip, 1 to 1024.
        clip_stride: Number of samples from the start of a clip to the start of the next, 1 to
            --clip-len. A value below --clip-len makes overlapping clips. Default: --clip-len, which
            uses each crop once.
        crop_px: Side of the square aligned crops in pixels, 16 to 1024.
        split_seed: Seed of the split by subject (70 percent train, 15 val, 15 test); used for
            subjects without a split in the label table.
        on_partial: Treatment of a video whose decoding fails part of the way: reject leaves the
            video out, keep keeps the part before the failure. The table rejects names the video in
            both cases.
        chunk_minutes: Length of a chunk in minutes, above 0. A video longer than 1.5 chunks is cut
            into chunks, which different workers read.
        max_retire: Largest share, 0 to 1, of the videos of earlier runs that may be gone, changed
            or labelled differently; with more the run ends with an error and changes nothing.
        shard_minutes: Video time per shard in minutes, above 0; a shard is the unit of work and of
            resume. Default: total time / 32, at least half a minute and at most an hour.
        max_gb: Largest video file in GiB, above 0; a larger one is rejected.
        max_megapixels: Largest frame in megapixels, above 0; a video with larger ones is rejected.
        max_hours: Longest video in hours, above 0; a longer one is rejected.
        max_wall_s: Largest time in seconds to process a video, or one chunk of it; a video that
            takes longer is rejected.
        dry_run: Print the plan and an estimate of time and size; write nothing.
        runner: Workers of the job. processes: on this machine, quick to start; ray: on Ray; auto
            takes processes up to an hour of video if no cluster is named, else ray.
        address: Ray cluster to join; default: $RAY_ADDRESS, else a local Ray.
    """

    videos: Address
    labels: Address
    out: Address
    detector: Literal["auto", "yunet", "dlib"] = "auto"
    detect_side: int | Literal["auto"] = "auto"
    landmarks: Literal["dlib", "yunet"] = "dlib"
    yunet: str | None = None
    label_set: str = ",".join(LABELS)
    sample_fps: float = 8.0
    clip_len: int = 16
    clip_stride: int | None = None
    crop_px: int = 112
    split_seed: int = 0
    on_partial: Literal["reject", "keep"] = "reject"
    chunk_minutes: float = 5.0
    max_retire: float = 0.1
    shard_minutes: float | None = None
    max_gb: float = 16.0
    max_megapixels: float = 36.0
    max_hours: float = 12.0
    max_wall_s: float = 3600.0
    dry_run: bool = False
    runner: RunnerName = "auto"
    address: str | None = None

    def __post_init__(self) -> None:
        check_ranges(
            self,
            chunk_minutes=above(0),
            max_retire=Range(0, 1),
            shard_minutes=above(0),
            max_gb=above(0),
            max_megapixels=above(0),
            max_hours=above(0),
            max_wall_s=above(0),
        )

"""Options of jobs.score; this module imports nothing large, so that --help is fast."""

from __future__ import annotations

from dataclasses import dataclass

from emotion.errors import InputError
from emotion.predict.baseline import parse_baseline
from emotion.predict.engine import Engine
from emotion.predict.segments import SegmentRule
from emotion.ranges import Range, above, at_least, check_ranges
from jobs.common.command import Address, Addresses
from jobs.common.workers import RunnerName

STORED_AS = {
    "package": "model_id",
    "videos": "videos_root",
    "from_dataset": "dataset",
    "segment_enter": "segments",
    "segment_min_s": "segments",
    "segment_gap_s": "segments",
    "margin": "margin",
}
"""Names in config.json of options that are stored in another form."""

MAY_CHANGE = (
    "out",
    "yunet",
    "max_retire",
    "shard_minutes",
    "batch_size",
    "gpu_share",
    "prices",
    "runner",
    "address",
)
"""Options that may differ when scoring is resumed, because they change no row."""


@dataclass(frozen=True)
class Config:
    """Options of a scoring run.

    Attributes:
        out: Folder for the score set: new, or begun by the same command.
        package: Model package: a folder, an s3:// prefix or a model.tar.gz. Of several with equal
            labels and extraction spec, the probabilities are averaged. Default:
            $VIDEO_EMOTION_PACKAGE, else the default model for real faces, of which OUT/package
            keeps a copy.
        videos: Folder of videos to score, a local path or s3://; its sub-folders are searched too.
            Give either --videos or --from-dataset.
        from_dataset: Folder that jobs.build_dataset made: its stored clips are scored, and no
            video is opened.
        yunet: File of YuNet's weights, a local path or s3://; default: $VIDEO_EMOTION_YUNET, then
            the cache, then a download with a checked SHA-256.
        segment_enter: Difference in probability, 0 to below 1, by which a new label must lead
            before it replaces the current label of a segment.
        segment_min_s: Minimum length of a segment in seconds, at least 0; a shorter segment is
            merged into a neighbour.
        segment_gap_s: Longest time in seconds, at least 0, for which the face may be absent within
            a segment.
        margin: Difference between the two largest probabilities, 0 to 1, below which an answer is
            uncertain. Default: the margin of the package.
        baseline: Each person's resting expression, to which the answers become relative:
            first:30s takes the first 30 s of face time, label:neutral the samples in which neutral
            leads, median all samples. Default: no baseline.
        chunk_minutes: Length of a chunk in minutes, above 0. A video longer than 1.5 chunks is cut
            into chunks, which different workers read.
        max_retire: Largest share, 0 to 1, of the videos of earlier runs that may be gone, changed
            or labelled differently; with more the run ends with an error and changes nothing.
        shard_minutes: Video time per shard in minutes, above 0; a shard is the unit of work and of
            resume. Default: total time / 32, at least half a minute and at most an hour.
        engine: Runtime of the model: torch; or onnx, which runs the package's model.onnx on the
            CPU. jobs.export_onnx adds this file.
        batch_size: Number of clips that a model gets at a time, at least 1.
        gpu_share: Share of a GPU for each model, above 0 and at most 1: with 0.5 two models use
            one GPU.
        prices: JSON file of US dollars per hour by Ray resource, such as {"CPU": 0.05, "GPU": 2.1};
            metrics.json then includes the cost of the run. Default: no cost.
        runner: Workers of the job. processes: on this machine, quick to start; ray: on Ray; auto
            takes processes up to an hour of video if no cluster is named, else ray.
        address: Ray cluster to join; default: $RAY_ADDRESS, else a local Ray.
    """

    out: Address
    package: Addresses | None = None
    videos: Address | None = None
    from_dataset: Address | None = None
    yunet: str | None = None
    segment_enter: float = SegmentRule.enter
    segment_min_s: float = SegmentRule.min_s
    segment_gap_s: float = SegmentRule.max_gap_s
    margin: float | None = None
    baseline: str | None = None
    chunk_minutes: float = 5.0
    max_retire: float = 0.1
    shard_minutes: float | None = None
    engine: Engine = "torch"
    batch_size: int = 16
    gpu_share: float = 1.0
    prices: str | None = None
    runner: RunnerName = "auto"
    address: str | None = None

    def __post_init__(self) -> None:
        if (self.videos is None) == (self.from_dataset is None):
            raise InputError("give one of --videos and --from-dataset")
        check_ranges(
            self,
            segment_enter=Range(0, 1, high_open=True),
            segment_min_s=at_least(0),
            segment_gap_s=at_least(0),
            margin=Range(0, 1),
            chunk_minutes=above(0),
            max_retire=Range(0, 1),
            shard_minutes=above(0),
            batch_size=at_least(1),
            gpu_share=Range(0, 1, low_open=True),
        )
        if self.baseline is not None:
            parse_baseline(self.baseline)  # refuses a wrong text

    @property
    def rule(self) -> SegmentRule:
        """Rule by which segments are cut, from the three --segment flags."""
        return SegmentRule(self.segment_enter, self.segment_min_s, self.segment_gap_s)

"""Score an archive of videos with a model package.

    python -m jobs.score --videos URI --package URI --out URI

Each URI is a local path or s3://. The same command again does only what is missing.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from emotion import storage
from emotion.errors import InputError
from emotion.package.model_package import ModelPackage
from emotion.predict.predictor import Engine, load_parts
from emotion.predict.profiles import drifts, read_baseline
from emotion.predict.segments import SegmentRule
from emotion.predict.video import detector_weights
from emotion.ranges import Range, above, at_least, check_ranges
from emotion.report.scores import scores_report
from emotion.versions import check_schema_version, pipeline_versions
from emotion.video.decode import Limits
from jobs.common import cluster
from jobs.common.command import Address, one_line_errors, parse
from jobs.ledger import lock, output
from jobs.ledger.entries import add_counts, read_entries
from jobs.ledger.plan import plan_archive
from jobs.ledger.probe import probe_durations
from jobs.ledger.revise import revise_shard
from jobs.ledger.shards import ShardRef, to_do
from jobs.ledger.stored_plan import extend_plan, planned_shards
from jobs.reading.shard_reader import Reading
from jobs.scoring.commit import Commit
from jobs.scoring.metrics import prometheus, read_prices, run_metrics
from jobs.scoring.read import copy_plan_rejects
from jobs.scoring.stream import Stages, stream
from schemas.scores import score_tables


@dataclass(frozen=True)
class Config:
    """What to score with what.

    Attributes:
        package: Model package: a folder, an s3:// prefix or a model.tar.gz.
        out: Folder for the scores; new, or begun by the same command.
        videos: Folder of videos, searched with its sub-folders.
        from_dataset: Folder that jobs.build_dataset made, instead of --videos: its clips are
            scored, and no video is opened.
        yunet: YuNet weights; default: $VIDEO_EMOTION_YUNET, the cache, or a checked download.
        segment_enter: A label takes over once it leads the present one by this probability.
        segment_min_s: Shorter runs of a label go to their neighbours.
        segment_gap_s: A face that is away for longer ends the run.
        chunk_minutes: Longer videos are read in chunks of this length by different workers.
        shard_minutes: Video time per shard, the unit of work and of resume; default: by the
            archive, from half a minute to an hour.
        engine: torch, or onnx: the package's model.onnx, on CPUs; jobs.export_onnx makes it.
        batch_size: Clips per call of the model.
        prices: JSON of dollars per hour by Ray resource, as {"CPU": 0.05, "GPU": 2.1}: the cost of
            the run is told too.
        gpu_share: Of a GPU, for each model: 0.5 lets two of them share one.
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
        """How segments are cut."""
        return SegmentRule(self.segment_enter, self.segment_min_s, self.segment_gap_s)


def run(config: Config) -> int:
    """Plan, score what is missing, report, mark as complete."""
    package, _ = load_parts(config.package, config.engine)
    yunet_model = None if config.from_dataset else detector_weights(package, config.yunet)
    stages = Stages(
        reading=Reading(
            root=config.videos or "",
            out=config.out,
            spec=package.spec,
            limits=Limits(),
            keep_partial=False,
            chunk_s=60 * config.chunk_minutes,
        ),
        dataset=config.from_dataset or "",
        package=config.package,
        engine=config.engine,
        yunet_model=yunet_model,
        batch_size=config.batch_size,
        gpu_share=config.gpu_share,
    )
    stored: dict[str, Any] = {
        "videos_root": config.videos,
        "dataset": config.from_dataset,
        "labels": list(package.labels),
        "model_id": package.model_id,
        "temperature": package.temperature,
        "architecture": package.name,
        "engine": config.engine,
        "segments": vars(config.rule),
        "training": dict(package.training),
    }
    if config.from_dataset:
        return _run_from_dataset(config, package, stages, stored)
    with tempfile.TemporaryDirectory(prefix="video-emotion-plan-") as name:
        plan = plan_archive(stages.reading.root, Path(name))
        output.claim(config.out, stored, job="jobs.score", spec=package.spec)
        with lock.held(config.out):
            refs, _ = extend_plan(
                config.out,
                plan,
                durations=partial(probe_durations, stages.reading.root, address=config.address),
                shard_s=60 * config.shard_minutes if config.shard_minutes else None,
                chunk_s=stages.reading.chunk_s,
                folder=Path(name),
            )
            return _score(config, package, stages, refs, left_out=Counter())


def _run_from_dataset(
    config: Config, package: ModelPackage, stages: Stages, stored: dict[str, Any]
) -> int:
    """The dataset's shards are this job's: what it built, changed or took out since is noticed."""
    dataset = stages.dataset
    if not storage.exists(storage.join(dataset, output.SUCCESS)):
        raise InputError(f"--from-dataset {dataset} is not complete; run jobs.build_dataset")
    stored_config = storage.read_json(storage.join(dataset, "config.json"))
    check_schema_version(stored_config, dataset, flag="from-dataset")
    spec = output.read_spec(dataset)
    if spec.digest != package.spec.digest:
        raise InputError(
            f"--from-dataset {dataset} was made with another extraction spec than the package "
            f"({spec.difference(package.spec)}); score the videos, or build the dataset by the "
            "package's spec"
        )
    output.claim(config.out, stored, job="jobs.score", spec=package.spec)
    with lock.held(config.out), tempfile.TemporaryDirectory(prefix="video-emotion-plan-") as name:
        refs = planned_shards(dataset, Path(name))
        left_out = copy_plan_rejects(dataset, config.out)
        return _score(config, package, stages, refs, left_out=left_out)


def _score(
    config: Config,
    package: ModelPackage,
    stages: Stages,
    refs: Sequence[ShardRef],
    *,
    left_out: Counter[str],
) -> int:
    missing, revise = to_do(refs, config.out)
    num_videos = sum(ref.num_rows - len(ref.retired) for ref in refs)
    print(f"plan: {num_videos} videos in {len(refs)} shards, {len(missing)} shards to do")
    success = storage.join(config.out, output.SUCCESS)
    if not missing and not revise and storage.exists(success):
        print(f"{config.out} is complete: nothing to do")
        return 0
    storage.remove(success)
    for ref in revise:
        revise_shard(config.out, ref, score_tables(package.labels))
    prices = read_prices(config.prices) if config.prices else {}
    metrics: dict[str, Any] = {}
    told = Commit(config.out, package.labels, package.spec, config.rule)
    if missing:
        with cluster.session(config.address):
            done = stream(missing, stages, told)
            metrics = run_metrics(done, prices=prices)
    code = finish(config, package, num_videos, left_out)
    if metrics:
        storage.write_json(storage.join(config.out, "metrics.json"), metrics)
        storage.write_bytes(storage.join(config.out, "metrics.prom"), prometheus(metrics))
        print(json.dumps({"metrics": metrics}, allow_nan=False))
    return code


def finish(config: Config, package: ModelPackage, num_listed: int, left_out: Counter[str]) -> int:
    """Write the report and the marker; print the summary."""
    entries = read_entries(config.out)
    counts = add_counts(entry.counts for entry in entries)
    counts["rejects"] = counts.get("rejects", 0) + left_out.total()
    reasons = left_out + Counter(add_counts(entry.rejects for entry in entries))
    slow = sorted((v for entry in entries for v in entry.slowest), key=lambda v: -v.wall_s)
    baseline = read_baseline(package.training)
    page = scores_report(
        config.out,
        slowest=[asdict(video) for video in slow[:10]],
        drifts=drifts(config.out, baseline, labels=package.labels) if baseline else (),
    )
    storage.write_bytes(storage.join(config.out, "report.html"), page.encode())
    success = {
        "counts": counts,
        "rejects": dict(reasons),
        "labels": list(package.labels),
        "model_id": package.model_id,
        "spec_digest": package.spec.digest,
        "versions": pipeline_versions(),
    }
    storage.write_json(storage.join(config.out, output.SUCCESS), success)
    print(f"scored {config.out}: {num_listed:,} videos listed, {counts['videos']:,} read")
    print(
        f"  {counts['scores']:,} clips scored by model {package.model_id}; "
        f"{counts['tracks']:,} tracks, {counts['segments']:,} segments"
    )
    for reason, count in sorted(reasons.items()):
        print(f"  left out: {reason} {count:,}")
    return 0


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; 0 when every video is accounted for."""
    return run(parse(Config, argv, verb="jobs.score", doc=__doc__))


if __name__ == "__main__":
    raise SystemExit(main())

"""Build frame, face and clip datasets from an archive of labelled videos.

    python -m jobs.build_dataset --videos URI --labels URI.csv --out URI

Each URI is a local path or s3://. The same command again does only what is missing.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from ray.data import ActorPoolStrategy, Dataset, from_items

from emotion import storage, weights
from emotion.errors import InputError, VideoError
from emotion.extract.detect import spec_for
from emotion.extract.extractor import Extractor, VideoSummary
from emotion.extract.spec import ExtractionSpec
from emotion.label_table import read_label_table
from emotion.labels import LABELS, parse_labels
from emotion.report.dataset import dataset_report
from emotion.versions import pipeline_versions
from jobs import _output, _ray
from jobs._cli import one_line_errors, parse
from jobs._parts import ShardWriter, write_part
from jobs._plan import Plan, Row, make_plan
from jobs._progress import Progress
from jobs._videos import fetched, reject_row, video_row
from jobs.validate_dataset import print_report, validate
from schemas.tables import DATASETS, with_columns

DATA_TABLES = ("frames", "faces", "clips")


@dataclass(frozen=True)
class Config:
    """What to build from what.

    Attributes:
        videos: Folder of videos, searched with its sub-folders.
        labels: CSV with columns uri, subject_id, label, optional split, fold, corpus; others kept.
        out: Folder for the datasets; new, or begun by the same command.
        detector: yunet, dlib, or auto: yunet if its weights can be had, else dlib.
        yunet: YuNet weights; default: $VIDEO_EMOTION_YUNET, the cache, or a checked download.
        label_set: The labels that may occur, in the model's order, between commas.
        sample_fps: Samples per second of presentation time.
        clip_len: Crops per clip.
        crop_px: Side of the aligned crops.
        split_seed: Seed of the 70/15/15 split by subject where the label table has none.
        shard_videos: Videos per shard, the unit of work and of resume.
        address: Ray cluster to join; default: $RAY_ADDRESS, else a local Ray.
    """

    videos: str
    labels: str
    out: str
    detector: Literal["auto", "yunet", "dlib"] = "auto"
    yunet: str | None = None
    label_set: str = ",".join(LABELS)
    sample_fps: float = 8.0
    clip_len: int = 16
    crop_px: int = 112
    split_seed: int = 0
    shard_videos: int = 16
    address: str | None = None


def choose_detector(config: Config) -> tuple[ExtractionSpec, bytes | None]:
    """Decide once, before any worker starts, and say so.

    Raises:
        InputError: if yunet is asked for and its weights cannot be had.
    """
    model: bytes | None = None
    name: Literal["yunet", "dlib"] = "dlib"
    if config.detector != "dlib":
        try:
            model, name = weights.load_yunet(config.yunet), "yunet"
        except InputError as err:
            if config.detector == "yunet" or config.yunet:
                raise
            print(f"detector: dlib, since {err}")
    if config.detector != "auto" or model is not None:
        print(f"detector: {name}")
    clip_len = config.clip_len
    options = {
        "sample_fps": config.sample_fps,
        "crop_px": config.crop_px,
        "clip_len": clip_len,
        "clip_stride": clip_len,
        "min_clip_faces": max(1, clip_len // 2),
    }
    return spec_for(name, **options), model


class ExtractShard:
    """One shard's manifest rows to its parts and ledger entry; runs as an actor."""

    def __init__(
        self,
        spec: ExtractionSpec,
        yunet_model: bytes | None,
        root: str,
        out: str,
        extra_columns: tuple[str, ...],
    ) -> None:
        self._extractor = Extractor(spec, yunet_model=yunet_model)
        self._root, self._out = root, out
        self._schemas = DATASETS | {"videos": with_columns(DATASETS["videos"], extra_columns)}

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Do one shard; returns its ledger entry."""
        began = time.monotonic()
        reasons: Counter[str] = Counter()
        video_s = 0.0
        with ShardWriter(self._schemas) as writer:
            for video in json.loads(row["videos"]):
                summary = VideoSummary()
                try:
                    self._add_video(writer, video, summary)
                    video_s += summary.facts.duration_s
                except VideoError as err:
                    writer.drop_video(video["video_id"], DATA_TABLES)
                    reasons[err.reason] += 1
                    writer.add("rejects", reject_row(video, err))
            writer.commit(self._out, row["shard_id"])
            entry = {
                "shard_id": row["shard_id"],
                "counts": writer.counts,
                "rejects": dict(reasons),
                "video_s": video_s,
                "wall_s": time.monotonic() - began,
            }
        _output.write_entry(self._out, row["shard_id"], entry)
        return entry

    def _add_video(self, writer: ShardWriter, video: Row, summary: VideoSummary) -> None:
        uri, video_id = str(video["uri"]), str(video["video_id"])
        known = {k: video[k] for k in ("subject_id", "label", "split", "fold")}
        with fetched(storage.join(self._root, uri)) as path:
            for table, row in self._extractor.rows(path, video_id=video_id, summary=summary):
                writer.add(table, row | known if table == "clips" else row)
            writer.add("videos", video_row(video, path, summary))


def extract_shards(
    shards: Sequence[_output.Shard],
    *,
    config: Config,
    spec: ExtractionSpec,
    yunet_model: bytes | None,
    extra_columns: tuple[str, ...],
    workers: int,
) -> Dataset:
    """Shards to their ledger entries, lazily: one row per shard; the actors write the parts."""
    items = [{"shard_id": s.shard_id, "videos": json.dumps(s.videos)} for s in shards]
    pool = ActorPoolStrategy(min_size=1, max_size=max(1, min(workers, len(items))))
    return from_items(items, override_num_blocks=len(items)).map(
        ExtractShard,  # type: ignore[arg-type]  # Ray's stubs do not know actor classes here
        fn_constructor_args=(
            spec,
            yunet_model,
            config.videos,
            config.out,
            extra_columns,
        ),
        compute=pool,
        num_cpus=1,
        runtime_env={"env_vars": _ray.WORKER_ENV},
    )


def run(config: Config) -> int:
    """Plan, extract what is missing, validate, report, mark as complete."""
    labels = parse_labels(config.label_set)
    table = read_label_table(config.labels, videos_root=config.videos)
    plan = make_plan(config.videos, table, labels, seed=config.split_seed)
    spec, yunet_model = choose_detector(config)
    stored = {"videos_root": config.videos, "labels": list(labels), "split_seed": config.split_seed}
    _output.claim(config.out, spec=spec, config=stored)
    shards = _output.extend_plan(
        config.out,
        plan.manifest,
        plan.extra_columns,
        max_videos=config.shard_videos,
        max_mb=1024,
    )
    write_part(config.out, "rejects", "plan", plan.rejects, DATASETS["rejects"])
    done = _output.done_shards(config.out)
    missing = [s for s in shards if s.shard_id not in done]
    print(_plan_line(plan, len(shards), len(missing)))
    if missing:
        storage.remove(storage.join(config.out, _output.SUCCESS))
        with _ray.session(config.address):
            entries = extract_shards(
                missing,
                config=config,
                spec=spec,
                yunet_model=yunet_model,
                extra_columns=plan.extra_columns,
                workers=_ray.cluster_cpus(),
            )
            with Progress("build", total=len(missing), unit="shard") as progress:
                for entry in entries.iter_rows():
                    progress.step(videos=entry["counts"]["videos"], clips=entry["counts"]["clips"])
    elif storage.exists(storage.join(config.out, _output.SUCCESS)):
        print(f"{config.out} is complete: nothing to do")
        return 0
    return finish(config, plan, spec, labels)


def _plan_line(plan: Plan, num_shards: int, num_missing: int) -> str:
    return (
        f"plan: {len(plan.manifest)} videos in {num_shards} shards, {num_missing} shards to do, "
        f"{len(plan.rejects)} left out before reading"
    )


def finish(config: Config, plan: Plan, spec: ExtractionSpec, labels: Sequence[str]) -> int:
    """Validate the whole, write the report and the marker, print the summary."""
    entries = _output.read_entries(config.out)
    counts = _output.add_counts(entries, "counts")
    counts["rejects"] += len(plan.rejects)
    reasons = Counter(str(row["reason"]) for row in plan.rejects)
    reasons.update(_output.add_counts(entries, "rejects"))
    report = validate(config.out)
    storage.write_bytes(
        storage.join(config.out, "report.html"), dataset_report(config.out).encode()
    )
    print_summary(config.out, counts, reasons, entries)
    if not report.success:
        print_report(report)
        return 1
    success = {
        "counts": counts,
        "rejects": dict(reasons),
        "labels": list(labels),
        "spec_digest": spec.digest,
        "versions": pipeline_versions(),
    }
    storage.write_json(storage.join(config.out, _output.SUCCESS), success)
    return 0


def print_summary(
    out: str, counts: dict[str, int], reasons: Counter[str], entries: Sequence[dict[str, Any]]
) -> None:
    """Counts per stage, and what was left out and why."""
    video_s = sum(float(e["video_s"]) for e in entries)
    cpu_s = sum(float(e["wall_s"]) for e in entries)
    print(f"built {out}")
    for name in DATASETS:
        print(f"  {name:8} {counts.get(name, 0):>9,}")
    for reason, count in sorted(reasons.items()):
        print(f"  left out: {reason} {count:,}")
    if cpu_s > 0:
        print(f"  {video_s / 60:.1f} minutes of video, {video_s / cpu_s:.1f}x real time per worker")


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; 0 when the datasets are complete and valid."""
    config = parse(Config, argv, doc=__doc__)
    return run(
        replace(
            config,
            videos=storage.absolute(config.videos),
            labels=storage.absolute(config.labels),
            out=storage.absolute(config.out),
        )
    )


if __name__ == "__main__":
    raise SystemExit(main())

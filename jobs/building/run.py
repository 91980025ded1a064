"""Build of a dataset on the driver: plan, shards, validation, report and ``_SUCCESS``."""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

from emotion import storage, weights
from emotion.errors import InputError
from emotion.extract.detect import spec_for
from emotion.extract.spec import ExtractionSpec
from emotion.labels import parse_labels
from emotion.report.dataset import dataset_report
from emotion.versions import pipeline_versions
from emotion.video.decode import Limits
from jobs.building import items
from jobs.building.estimate import print_estimate
from jobs.building.mismatch import describe_mismatch
from jobs.building.options import IN_SPEC, MAY_CHANGE, Config
from jobs.building.worker import Work
from jobs.common.ahead import ahead
from jobs.common.runner import open_runner
from jobs.common.workers import Runner
from jobs.ledger import lock, output
from jobs.ledger.audit import audit
from jobs.ledger.entries import Entry, add_counts, faceless_line
from jobs.ledger.lock import Fence
from jobs.ledger.parts import PLAN, part_uri
from jobs.ledger.plan import LabelTable, Plan, Planned
from jobs.ledger.plan_parts import is_planned_whole, plan_parts
from jobs.ledger.probe import probe_durations
from jobs.ledger.shards import ShardRef, describe_plan, done_shards
from jobs.ledger.stored_plan import Change, planned_shards
from jobs.reading.shard_reader import Reading
from jobs.validating.validate import import_ahead, print_report, print_warnings, validate
from schemas.tables import DATASETS, with_columns


def limits_of(config: Config) -> Limits:
    """Return the limits on one video that the flags set."""
    return Limits(
        max_bytes=round(config.max_gb * 2**30),
        max_pixels=round(config.max_megapixels * 1e6),
        max_duration_s=3600 * config.max_hours,
        max_wall_s=config.max_wall_s,
    )


def reading_of(config: Config, spec: ExtractionSpec) -> Reading:
    """Return the settings with which the workers read videos."""
    return Reading(
        root=config.videos,
        out=config.out,
        spec=spec,
        limits=limits_of(config),
        keep_partial=config.on_partial == "keep",
        chunk_s=60 * config.chunk_minutes,
    )


def choose_detector(config: Config) -> tuple[ExtractionSpec, bytes | None]:
    """Choose the face detector once, before any worker starts, and print its name.

    Returns:
        The extraction spec, and the bytes of YuNet's weights or, for dlib, None.

    Raises:
        InputError: if --detector or --yunet requires YuNet and its weights are not available.
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
        "detect_side_px": config.detect_side,
        "landmarks": config.landmarks,
        "sample_fps": config.sample_fps,
        "crop_px": config.crop_px,
        "clip_len": clip_len,
        "clip_stride": clip_len if config.clip_stride is None else config.clip_stride,
        "min_clip_faces": max(1, clip_len // 2),
    }
    return spec_for(name, **options), model


def run(config: Config) -> int:
    """Plan, build the missing shards, validate, report, and mark the output as complete.

    Returns:
        The exit code: 0 when the dataset is complete and valid, or after a dry run; 1 when the
        dataset is not valid.
    """
    labels = parse_labels(config.label_set)
    spec, yunet_model = choose_detector(config)
    with tempfile.TemporaryDirectory(prefix="video-emotion-plan-") as name:
        folder = Path(name)
        table = LabelTable(config.labels, labels, config.split_seed)
        whole = config.dry_run or is_planned_whole(config.videos, config.out)
        plans = plan_parts(config.videos, folder, table=table, whole=whole)
        plan = next(plans)
        check_plan(config, plan)
        work = Work(reading_of(config, spec), plan.extra_columns)
        if config.dry_run:
            waves = plan_shards(config, iter([plan]), folder, None)
            refs = [ref for some, _ in waves for ref in some]
            print_estimate(plan, refs, work, yunet_model, config)
            return 0
        stored = output.settings_of(config, (*MAY_CHANGE, *IN_SPEC, "videos", "label_set")) | {
            "videos_root": config.videos,
            "labels": list(labels),
            "columns": list(plan.extra_columns),
        }
        output.claim(config.out, stored, job="jobs.build_dataset", spec=spec)
        with lock.held(config.out) as fence:
            planned = Planned(plan, plans)
            work = replace(work, fence=fence)
            return build(config, planned, work, yunet_model, folder, fence)


def check_plan(config: Config, plan: Plan) -> None:
    """Check that the label table names at least one video of the archive.

    Raises:
        InputError: if not, before anything is written.
    """
    if plan.num_videos == 0:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(plan.reasons.items()))
        example = describe_mismatch(plan)
        num_unknown = plan.reasons.get("unknown_label", 0)
        if num_unknown and not plan.reasons.get("missing"):
            raise InputError(
                f"no row of --labels {config.labels} has a label of the label set: "
                f"{num_unknown:,} have others, such as {example}; write these "
                "labels, or name yours, as they are written, in --label-set"
            )
        raise InputError(
            f"no row of --labels {config.labels} names a video below --videos {config.videos} "
            f"({reasons or 'no rows'}); its column uri holds paths relative to --videos"
            + (f"; {example}" if example else "")
        )


def plan_shards(
    config: Config, plans: Iterator[Plan], folder: Path, fence: Fence | None
) -> Iterator[tuple[list[ShardRef], Change]]:
    """Yield every shard of the output, and the change; see ``planned_shards``."""
    return planned_shards(
        plans,
        fence,
        durations=partial(
            probe_durations, config.videos, runner=config.runner, address=config.address
        ),
        shard_s=60 * config.shard_minutes if config.shard_minutes else None,
        chunk_s=60 * config.chunk_minutes,
        folder=folder,
        max_retire=config.max_retire,
    )


def build(
    config: Config,
    planned: Planned,
    work: Work,
    yunet_model: bytes | None,
    folder: Path,
    fence: Fence,
) -> int:
    """Do the missing work in a claimed and locked output folder; return the exit code."""
    success = storage.join(config.out, output.SUCCESS)
    done, changed = done_shards(config.out, DATASETS), False
    with contextlib.ExitStack() as stack:

        def start(video_s: float) -> Runner:
            return stack.enter_context(open_runner(config.runner, config.address, video_s=video_s))

        # A plan in parts is made while the workers work, and both use one connection to Ray.
        runner = None if planned.is_whole else start(math.inf)
        for refs, change in ahead(plan_shards(config, planned.plans(), folder, fence)):
            first, joins = items.build_items(refs, done, config.out)
            print(_plan_line(refs, change, len(first) + len(joins)))
            changed = changed or bool(first or joins or change.num_fresh or change.num_retired)
            if first or joins:
                storage.remove(success)
                import_ahead()
                runner = runner or start(sum(ref.video_s for ref in refs))
                items.do_items(runner, first, joins, work, yunet_model)
        plan = planned.last
        rejects = part_uri(config.out, "rejects", PLAN)
        storage.write_bytes(rejects, plan.rejects.read_bytes())
        fence.confirm()
        if not changed and storage.exists(success):
            print(f"{config.out} is complete: nothing to do")
            return 0
        storage.remove(success)
        entries = audit(config.out, DATASETS, folder)
        return finish(config, plan, entries, work.reading.spec, fence)


def _plan_line(refs: Sequence[ShardRef], change: Change, num_items: int) -> str:
    return (
        f"plan: {describe_plan(refs)}; {change.num_fresh:,} new, {change.num_retired:,} gone or "
        f"changed; {num_items:,} shards or chunks of long videos to do"
    )


def finish(
    config: Config, plan: Plan, entries: Sequence[Entry], spec: ExtractionSpec, fence: Fence
) -> int:
    """Validate the dataset, write report.html, print the summary; return the exit code.

    A valid dataset also gets ``_SUCCESS``.
    """
    counts = add_counts(entry.counts for entry in entries)
    counts["rejects"] = counts.get("rejects", 0) + sum(plan.reasons.values())
    reasons = Counter(plan.reasons)
    reasons.update(add_counts(entry.rejects for entry in entries))
    report = validate(config.out, runner=config.runner, address=config.address)
    storage.write_bytes(
        storage.join(config.out, "report.html"),
        dataset_report(config.out, entries=[entry.to_json() for entry in entries]).encode(),
    )
    tables = DATASETS | {"videos": with_columns(DATASETS["videos"], plan.extra_columns)}
    output.write_readme(config.out, "dataset", tables)
    print_summary(config.out, counts, reasons, entries)
    if not report.success:
        print_report(report)
        return 1
    print_warnings(report)
    success = {
        "counts": counts,
        "rejects": dict(reasons),
        "faceless_frames": sum(entry.faceless_frames for entry in entries),
        "labels": list(parse_labels(config.label_set)),
        "spec_digest": spec.digest,
        "versions": pipeline_versions(),
    }
    output.mark_complete(fence, success)
    return 0


def print_summary(
    out: str, counts: dict[str, int], reasons: Counter[str], entries: Sequence[Entry]
) -> None:
    """Print the rows per table, the number of rejects by reason, and the speed."""
    video_s = sum(entry.video_s for entry in entries)
    cpu_s = sum(entry.wall_s for entry in entries)
    print(f"built {out}")
    for name in DATASETS:
        print(f"  {name:8} {counts.get(name, 0):>9,}")
    print(f"  {faceless_line(entries)}")
    for reason, count in sorted(reasons.items()):
        print(f"  left out: {reason} {count:,}")
    if cpu_s > 0:
        print(f"  {video_s / 60:.1f} minutes of video, {video_s / cpu_s:.1f}x real time per worker")

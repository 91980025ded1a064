"""Scoring run on the driver: plan the shards, score missing ones, write report and metrics."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch

from emotion import storage
from emotion.errors import InputError
from emotion.package.domain import dataset_domain
from emotion.package.trust import UNKNOWN, note_of_scores
from emotion.predict.baseline import parse_baseline
from emotion.predict.ensemble import ScoringPackage
from emotion.predict.predictor import load_parts
from emotion.predict.profiles import drifts, read_baseline
from emotion.predict.video import detector_weights
from emotion.published.default import describe_model
from emotion.report.run_metrics import RunTotals, run_metrics
from emotion.report.scores import scores_report
from emotion.versions import check_job, check_schema_version, pipeline_versions
from emotion.video.decode import Limits
from jobs.common.command import Addresses
from jobs.common.runner import open_runner
from jobs.ledger import lock, output
from jobs.ledger.audit import audit
from jobs.ledger.entries import add_counts, read_entries
from jobs.ledger.lock import Fence
from jobs.ledger.plan import plan_archive
from jobs.ledger.probe import probe_durations
from jobs.ledger.revise import revise_shards
from jobs.ledger.shards import ShardRef, to_do
from jobs.ledger.stored_plan import extend_plan, planned_shards
from jobs.reading.shard_reader import Reading
from jobs.scoring.commit import CommitSettings
from jobs.scoring.metrics import prometheus_text, read_prices
from jobs.scoring.options import MAY_CHANGE, STORED_AS, Config
from jobs.scoring.package import keep_copy, source_address, workers_address
from jobs.scoring.read import copy_plan_rejects, keep_plan_rejects
from jobs.scoring.shard import score_in_processes
from jobs.scoring.stages import StageSettings
from schemas.scores import score_tables

_SLOWEST = 10  # number of videos in the report's table of slowest videos


def run(config: Config) -> int:
    """Score the missing shards, then write report.html and ``_SUCCESS``; return 0.

    Raises:
        InputError: if the package, the archive, the dataset or ``--out`` cannot be used.
    """
    source = source_address(config)
    package, _ = load_parts(source, config.engine)
    model = describe_model(package)
    print(model)
    if config.baseline is not None:
        parse_baseline(config.baseline).check_labels(package.labels)
    yunet_model = None if config.from_dataset else detector_weights(package, config.yunet)
    settings = StageSettings(
        reading=Reading(
            root=config.videos or "",
            out=config.out,
            spec=package.spec,
            limits=Limits(),
            keep_partial=False,
            chunk_s=60 * config.chunk_minutes,
        ),
        dataset=config.from_dataset or "",
        package=workers_address(config, source),
        engine=config.engine,
        yunet_model=yunet_model,
        batch_size=config.batch_size,
        gpu_share=config.gpu_share,
    )
    stored = output.settings_of(config, (*MAY_CHANGE, *STORED_AS)) | {
        "videos_root": config.videos,
        "dataset": config.from_dataset,
        "labels": list(package.labels),
        "model_id": package.model_id,
        "temperature": package.temperature,
        "architecture": package.name,
        "model": model,
        "segments": vars(config.rule),
        "margin": package.trust.margin if config.margin is None else config.margin,
        "trust": package.trust.to_json(),
        "video_domain": dataset_domain(config.from_dataset) if config.from_dataset else UNKNOWN,
        "training": dict(package.training),
    }
    if config.from_dataset:
        return _run_from_dataset(config, package, settings, stored, source=source)
    with tempfile.TemporaryDirectory(prefix="video-emotion-plan-") as name:
        plan = plan_archive(settings.reading.root, Path(name))
        _claim(config, stored, package)
        with lock.held(config.out) as fence:
            keep_copy(source, settings.package)
            left_out = keep_plan_rejects(plan, config.out)
            refs, _ = extend_plan(
                fence,
                plan,
                durations=partial(
                    probe_durations,
                    settings.reading.root,
                    runner=config.runner,
                    address=config.address,
                ),
                shard_s=60 * config.shard_minutes if config.shard_minutes else None,
                chunk_s=settings.reading.chunk_s,
                folder=Path(name),
                max_retire=config.max_retire,
            )
            return _score(config, package, settings, refs, Path(name), fence, left_out=left_out)


def _run_from_dataset(
    config: Config,
    package: ScoringPackage,
    settings: StageSettings,
    stored: dict[str, Any],
    *,
    source: Addresses,
) -> int:
    """Score the clips of a dataset with the dataset's own shards.

    A later run follows the dataset: new, changed and removed videos.
    """
    dataset = settings.dataset
    if not storage.exists(storage.join(dataset, output.SUCCESS)):
        raise InputError(f"--from-dataset {dataset} is not complete; run jobs.build_dataset")
    stored_config = storage.read_json(storage.join(dataset, "config.json"))
    check_job(stored_config, dataset, flag="from-dataset", job="jobs.build_dataset")
    check_schema_version(stored_config, dataset, flag="from-dataset")
    spec = output.read_spec(dataset)
    if spec.digest != package.spec.digest:
        raise InputError(
            f"--from-dataset {dataset} was made with another extraction spec than the package "
            f"({spec.difference(package.spec)}); score the videos, or build the dataset by the "
            "package's spec"
        )
    _claim(config, stored, package)
    with (
        lock.held(config.out) as fence,
        tempfile.TemporaryDirectory(prefix="video-emotion-plan-") as name,
    ):
        keep_copy(source, settings.package)
        refs = planned_shards(dataset, Path(name))
        left_out = copy_plan_rejects(dataset, config.out)
        return _score(config, package, settings, refs, Path(name), fence, left_out=left_out)


def _claim(config: Config, stored: dict[str, Any], package: ScoringPackage) -> None:
    """Claim ``--out``; the text about the model may differ, its ``model_id`` may not."""
    output.claim(config.out, stored, job="jobs.score", may_change=("model",), spec=package.spec)


def _score(
    config: Config,
    package: ScoringPackage,
    settings: StageSettings,
    refs: Sequence[ShardRef],
    folder: Path,
    fence: Fence,
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
    revise_shards(config.out, revise, score_tables(package.labels), fence)
    prices = read_prices(config.prices) if config.prices else {}
    metrics: dict[str, Any] = {}
    commit_settings = _commit_settings(config, package, fence)
    if missing:
        totals, resources = _score_missing(config, missing, settings, commit_settings)
        metrics = run_metrics(totals, prices=prices, resources=resources)
    audit(config.out, score_tables(package.labels), folder, plan_of=config.from_dataset)
    _finish(config, package, num_videos, left_out, fence)
    if metrics:
        storage.write_json(storage.join(config.out, "metrics.json"), metrics)
        storage.write_bytes(storage.join(config.out, "metrics.prom"), prometheus_text(metrics))
        print(json.dumps({"metrics": metrics}, allow_nan=False))
    return 0


def _score_missing(
    config: Config,
    missing: Sequence[ShardRef],
    settings: StageSettings,
    commit_settings: CommitSettings,
) -> tuple[RunTotals, Mapping[str, float]]:
    """Score shards in processes or on Ray; return the totals, and the resources used."""
    with open_runner(
        config.runner,
        config.address,
        video_s=sum(ref.video_s for ref in missing),
        gpu=config.engine == "torch" and torch.cuda.is_available(),
    ) as runner:
        if runner.name == "processes":
            totals = score_in_processes(runner, missing, settings, commit_settings)
        else:
            from jobs.scoring.stream import score_shards  # imports Ray

            totals = score_shards(missing, settings, commit_settings)
        return totals, runner.resources


def _commit_settings(config: Config, package: ScoringPackage, fence: Fence) -> CommitSettings:
    """Return the settings of the commits."""
    return CommitSettings(
        out=config.out,
        labels=package.labels,
        spec=package.spec,
        rule=config.rule,
        margin=package.trust.margin if config.margin is None else config.margin,
        baseline=parse_baseline(config.baseline) if config.baseline else None,
        fence=fence,
    )


def _finish(
    config: Config,
    package: ScoringPackage,
    num_listed: int,
    left_out: Counter[str],
    fence: Fence,
) -> None:
    """Write report.html and ``_SUCCESS``; print the summary.

    Args:
        config: options of the run.
        package: the model package.
        num_listed: number of videos of the plan.
        left_out: number of videos that the plan of the dataset rejected, by reason.
        fence: lock of the run.
    """
    entries = read_entries(config.out)
    counts = add_counts(entry.counts for entry in entries)
    counts["rejects"] = counts.get("rejects", 0) + left_out.total()
    reasons = left_out + Counter(add_counts(entry.rejects for entry in entries))
    slow = sorted((v for entry in entries for v in entry.slowest), key=lambda v: -v.wall_s)
    baseline = read_baseline(package.training)
    page = scores_report(
        config.out,
        slowest=[asdict(video) for video in slow[:_SLOWEST]],
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
    output.mark_complete(fence, success)
    print(f"scored {config.out}: {num_listed:,} videos listed, {counts['videos']:,} read")
    print(
        f"  {counts['scores']:,} clips scored by model {package.model_id}; "
        f"{counts['tracks']:,} tracks, {counts['segments']:,} segments"
    )
    for reason, count in sorted(reasons.items()):
        print(f"  left out: {reason} {count:,}")
    for line in note_of_scores(storage.read_json(storage.join(config.out, "config.json"))).lines():
        print(line)

"""Scoring run on the driver: plan the shards, score missing ones, write report and metrics."""

from __future__ import annotations

import contextlib
import json
import math
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from emotion import storage
from emotion.errors import InputError
from emotion.nouns import counted
from emotion.package.domain import dataset_domain
from emotion.package.trust import UNKNOWN
from emotion.predict.baseline import parse_baseline
from emotion.predict.ensemble import ScoringPackage
from emotion.predict.predictor import load_parts
from emotion.predict.video import detector_weights
from emotion.published.describe import describe_model
from emotion.report.run_metrics import RunTotals, run_metrics
from emotion.versions import check_job, check_schema_version
from emotion.video.decode import Limits
from jobs.common.ahead import ahead
from jobs.common.command import Addresses
from jobs.common.runner import open_runner
from jobs.common.workers import Runner
from jobs.ledger import lock, output
from jobs.ledger.audit import audit
from jobs.ledger.lock import Fence
from jobs.ledger.plan import Planned
from jobs.ledger.plan_parts import is_planned_whole, plan_parts
from jobs.ledger.probe import probe_durations
from jobs.ledger.revise import revise_shards
from jobs.ledger.shards import ShardRef, describe_plan, done_shards, to_do
from jobs.ledger.stored_plan import planned_shards, stored_shards
from jobs.reading.shard_reader import Reading
from jobs.scoring.commit import CommitSettings
from jobs.scoring.finish import finish
from jobs.scoring.metrics import prometheus_text, read_prices
from jobs.scoring.options import MAY_CHANGE, STORED_AS, Config
from jobs.scoring.package import keep_copy, source_address, workers_address
from jobs.scoring.read import copy_plan_rejects, keep_plan_rejects
from jobs.scoring.shard import score_in_processes
from jobs.scoring.stages import StageSettings
from schemas.scores import score_tables


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
        root, folder = settings.reading.root, Path(name)
        whole = is_planned_whole(root, config.out)
        plans = plan_parts(root, folder, table=None, whole=whole)
        planned = Planned(next(plans), plans)
        _claim(config, stored, package)
        with lock.held(config.out) as fence:
            keep_copy(source, settings.package)
            waves = planned_shards(
                planned.plans(),
                fence,
                durations=partial(
                    probe_durations, root, runner=config.runner, address=config.address
                ),
                shard_s=60 * config.shard_minutes if config.shard_minutes else None,
                chunk_s=settings.reading.chunk_s,
                folder=folder,
                max_retire=config.max_retire,
            )
            shards = (refs for refs, _ in waves)
            run = _Run(config, package, settings, folder, fence)
            return run.score(
                shards,
                is_whole=planned.is_whole,
                keep_rejects=lambda: keep_plan_rejects(planned.last, config.out),
            )


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
        run = _Run(config, package, settings, Path(name), fence)
        return run.score(
            stored_shards(dataset, Path(name)),
            is_whole=True,
            keep_rejects=lambda: copy_plan_rejects(dataset, config.out),
        )


def _claim(config: Config, stored: dict[str, Any], package: ScoringPackage) -> None:
    """Claim ``--out``; the text about the model may differ, its ``model_id`` may not."""
    output.claim(config.out, stored, job="jobs.score", may_change=("model",), spec=package.spec)


@dataclass(frozen=True)
class _Run:
    """Scoring into a claimed and locked output folder."""

    config: Config
    package: ScoringPackage
    settings: StageSettings
    folder: Path
    fence: Fence

    def score(
        self,
        shards: Iterator[list[ShardRef]],
        *,
        is_whole: bool,
        keep_rejects: Callable[[], Counter[str]],
    ) -> int:
        """Score the missing shards, then check the output and mark it as complete; return 0.

        Args:
            shards: shards of the plan, some at a time.
            is_whole: True if the plan is complete; False if it is still made in parts.
            keep_rejects: function that writes the rejects of the complete plan, and returns their
                number by reason.
        """
        config, tables = self.config, score_tables(self.package.labels)
        success = storage.join(config.out, output.SUCCESS)
        done, num_videos, changed = done_shards(config.out, tables), 0, False
        totals, resources = RunTotals(), dict[str, float]()
        with contextlib.ExitStack() as stack:
            # A plan in parts is made while the workers work, and both use one connection to Ray.
            runner = None if is_whole else stack.enter_context(self._runner(math.inf))
            for refs in ahead(shards):
                missing, revise = to_do(refs, done)
                num_videos += sum(ref.num_videos for ref in refs)
                print(f"plan: {describe_plan(refs)}; {counted(len(missing), 'shard')} to do")
                if missing or revise:
                    changed = True
                    storage.remove(success)
                    revise_shards(config.out, revise, tables, self.fence)
                if missing:
                    runner = runner or stack.enter_context(
                        self._runner(sum(r.video_s for r in missing))
                    )
                    self._score_missing(runner, missing, totals)
                    resources = dict(runner.resources)
        left_out = keep_rejects()
        if not changed and storage.exists(success):
            print(f"{config.out} is complete: nothing to do")
            return 0
        entries = audit(config.out, tables, self.folder, plan_of=config.from_dataset)
        finish(config, self.package, entries, num_videos, left_out, self.fence)
        if totals.wall_s:
            prices = read_prices(config.prices) if config.prices else {}
            metrics = run_metrics(totals, prices=prices, resources=resources)
            storage.write_json(storage.join(config.out, "metrics.json"), metrics)
            storage.write_bytes(storage.join(config.out, "metrics.prom"), prometheus_text(metrics))
            text = json.dumps({"metrics": metrics}, allow_nan=False)
            print(
                json.dumps(json.loads(text, parse_float=lambda word: float(f"{float(word):.4g}")))
            )
        return 0

    def _runner(self, video_s: float) -> contextlib.AbstractContextManager[Runner]:
        config = self.config
        gpu = config.engine == "torch" and torch.cuda.is_available()
        return open_runner(config.runner, config.address, video_s=video_s, gpu=gpu)

    def _score_missing(
        self, runner: Runner, missing: Sequence[ShardRef], totals: RunTotals
    ) -> None:
        """Score shards in processes or on Ray, and add to the totals."""
        commits = _commit_settings(self.config, self.package, self.fence)
        if runner.name == "processes":
            score_in_processes(runner, missing, self.settings, commits, totals)
        else:
            from jobs.scoring.stream import score_shards  # imports Ray

            score_shards(runner, missing, self.settings, commits, totals)


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

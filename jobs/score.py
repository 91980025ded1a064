"""Score an archive of videos with a model package.

    python -m jobs.score --videos URI --package URI --out URI

Each URI is a local path or s3://. The same command again does only what is missing.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from ray.data import ActorPoolStrategy, Dataset, from_items

from emotion import storage
from emotion.errors import VideoError
from emotion.extract.extractor import Extractor
from emotion.extract.spec import ExtractionSpec
from emotion.extract.walk import VideoSummary
from emotion.learn.package import ModelPackage
from emotion.predict.predictor import Engine, Predictor, load_parts
from emotion.predict.video import detector_weights
from emotion.report.scores import scores_report
from emotion.versions import pipeline_versions
from jobs import _lock, _output, _ray
from jobs._cli import one_line_errors, parse
from jobs._plan import plan_archive
from jobs._probe import probe_durations
from jobs._progress import Progress
from jobs._revise import revise_shard
from jobs._scored import OpenShard, Shard, closing_row, commit, score_tables
from jobs._shards import ShardRef, extend_plan, read_shard, to_do
from jobs._videos import fetched, reject_row

MODEL_BATCH = 16


@dataclass(frozen=True)
class Config:
    """What to score with what.

    Attributes:
        videos: Folder of videos, searched with its sub-folders.
        package: Model package: a folder, an s3:// prefix or a model.tar.gz.
        out: Folder for the scores; new, or begun by the same command.
        yunet: YuNet weights; default: $VIDEO_EMOTION_YUNET, the cache, or a checked download.
        shard_minutes: Video time per shard, the unit of work and of resume; default: by the
            archive, from half a minute to an hour.
        engine: torch, or onnx: the package's model.onnx, on CPUs; jobs.export_onnx makes it.
        address: Ray cluster to join; default: $RAY_ADDRESS, else a local Ray.
    """

    videos: str
    package: str
    out: str
    yunet: str | None = None
    shard_minutes: float | None = None
    engine: Engine = "torch"
    address: str | None = None


class ExtractVideo:
    """A manifest row to its clips and a last row that closes the video; runs as an actor."""

    def __init__(self, spec: ExtractionSpec, yunet_model: bytes | None, root: str) -> None:
        self._extractor = Extractor(spec, yunet_model=yunet_model)
        self._root = root

    def __call__(self, item: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield rows of shard_id, video_id, kind (clip, video, reject), row (JSON) and crops.

        A video that breaks half-way closes with ``reject``: the clips before it are not kept.
        """
        video = json.loads(item["video"])
        base = {"shard_id": item["shard_id"], "video_id": video["video_id"]}
        summary = VideoSummary()
        try:
            with fetched(video, self._root) as path:
                rows = self._extractor.rows(path, video_id=video["video_id"], summary=summary)
                for table, row in rows:
                    if table == "clips":
                        crops = row.pop("crops")
                        yield base | {"kind": "clip", "row": json.dumps(row), "crops": crops}
                closing = closing_row(video, storage.sha256(str(path)), summary)
            yield base | {"kind": "video", "row": json.dumps(closing), "crops": []}
        except VideoError as err:
            closing = reject_row(video, err)
            yield base | {"kind": "reject", "row": json.dumps(closing), "crops": []}


class ScoreClips:
    """Adds the probabilities of each clip row, across videos; runs as an actor."""

    def __init__(self, package_uri: str, device: str, engine: Engine) -> None:
        self._predictor = Predictor.load(package_uri, device=device, engine=engine)

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Replace crops by probs, a list of K floats; empty on rows that are no clips."""
        crops = batch["crops"].to_pylist()
        clips = [number for number, jpegs in enumerate(crops) if jpegs]
        scored = self._predictor.jpeg_probs([crops[number] for number in clips])
        probs: list[list[float]] = [[] for _ in crops]
        for number, vector in zip(clips, scored, strict=True):
            probs[number] = [float(p) for p in vector]
        column = pa.array(probs, pa.list_(pa.float32()))
        return batch.drop_columns(["crops"]).append_column("probs", column)


def score_rows(
    shards: Sequence[Shard],
    *,
    config: Config,
    package: ModelPackage,
    yunet_model: bytes | None,
) -> Dataset:
    """Shards to scored rows, lazily and streaming; pixels end at the model stage."""
    items = [
        {"shard_id": shard.ref.shard_id, "video": json.dumps(video)}
        for shard in shards
        for video in shard.videos
    ]
    cpus = _ray.cluster_cpus()
    gpus = _ray.cluster_gpus() if config.engine == "torch" else 0
    env = {"env_vars": _ray.WORKER_ENV}
    # Without a GPU both stages take half a CPU, so that neither keeps the other from starting.
    extracted = from_items(items, override_num_blocks=len(items)).flat_map(
        ExtractVideo,
        fn_constructor_args=(package.spec, yunet_model, config.videos),
        compute=ActorPoolStrategy(min_size=1, max_size=min(cpus, len(items))),
        num_cpus=1 if gpus else 0.5,
        runtime_env=env,
    )
    return extracted.map_batches(
        ScoreClips,
        fn_constructor_args=(config.package, "cuda" if gpus else "cpu", config.engine),
        batch_size=MODEL_BATCH,
        batch_format="pyarrow",
        compute=ActorPoolStrategy(min_size=1, max_size=max(1, gpus or cpus)),
        num_gpus=1 if gpus else None,
        num_cpus=None if gpus else 0.5,
        runtime_env=env,
    )


def run(config: Config) -> int:
    """Plan, score what is missing, report, mark as complete."""
    package, _ = load_parts(config.package, config.engine)
    yunet_model = detector_weights(package, config.yunet)
    stored = {
        "videos_root": config.videos,
        "labels": list(package.labels),
        "model_id": package.model_id,
        "temperature": package.temperature,
        "architecture": package.name,
        "engine": config.engine,
        "training": dict(package.training),
    }
    with tempfile.TemporaryDirectory(prefix="video-emotion-plan-") as name:
        plan = plan_archive(config.videos, Path(name))
        _output.claim(config.out, spec=package.spec, config=stored)
        with _lock.held(config.out):
            refs, _ = extend_plan(
                config.out,
                plan,
                durations=partial(probe_durations, config.videos, address=config.address),
                shard_s=60 * config.shard_minutes if config.shard_minutes else None,
                segment_s=None,
                folder=Path(name),
            )
            return _score(config, package, yunet_model, refs, plan.num_videos)


def _score(
    config: Config,
    package: ModelPackage,
    yunet_model: bytes | None,
    refs: Sequence[ShardRef],
    num_videos: int,
) -> int:
    missing, revise = to_do(refs, config.out)
    print(f"plan: {num_videos} videos in {len(refs)} shards, {len(missing)} shards to do")
    success = storage.join(config.out, _output.SUCCESS)
    if not missing and not revise and storage.exists(success):
        print(f"{config.out} is complete: nothing to do")
        return 0
    storage.remove(success)
    for ref in revise:
        revise_shard(config.out, ref, score_tables(package.labels))
    if missing:
        shards = [Shard(ref, tuple(read_shard(ref))) for ref in missing]
        with _ray.session(config.address):
            _score_missing(shards, config, package, yunet_model)
    return finish(config, package, num_videos)


def _score_missing(
    missing: Sequence[Shard],
    config: Config,
    package: ModelPackage,
    yunet_model: bytes | None,
) -> None:
    """Stream the rows back and commit each shard as it becomes complete."""
    by_id = {shard.ref.shard_id: shard for shard in missing}
    under_way = {
        shard.ref.shard_id: OpenShard({str(v["video_id"]) for v in shard.videos})
        for shard in missing
    }
    rows = score_rows(missing, config=config, package=package, yunet_model=yunet_model)
    total = sum(len(s.videos) for s in missing)
    with Progress("score", total=total, unit="video") as progress:
        for row in rows.iter_rows():
            shard_id = str(row["shard_id"])
            if row["kind"] == "clip":
                progress.step(0, clips=1)
            else:
                progress.step(1, **{f"{row['kind']}s": 1})
            shard = under_way.get(shard_id)  # gone: a late clip of a video that was rejected
            if shard is not None and shard.add(row):
                commit(config.out, by_id[shard_id], under_way.pop(shard_id), package.labels)


def finish(config: Config, package: ModelPackage, num_listed: int) -> int:
    """Write the report and the marker; print the summary."""
    entries = _output.read_entries(config.out)
    counts, reasons = _output.add_counts(entries, "counts"), _output.add_counts(entries, "rejects")
    storage.write_bytes(storage.join(config.out, "report.html"), scores_report(config.out).encode())
    success = {
        "counts": counts,
        "rejects": reasons,
        "labels": list(package.labels),
        "model_id": package.model_id,
        "spec_digest": package.spec.digest,
        "versions": pipeline_versions(),
    }
    storage.write_json(storage.join(config.out, _output.SUCCESS), success)
    print(f"scored {config.out}: {num_listed:,} videos listed, {counts['videos']:,} read")
    print(f"  {counts['scores']:,} clips scored by model {package.model_id}")
    for reason, count in sorted(reasons.items()):
        print(f"  left out: {reason} {count:,}")
    return 0


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; 0 when every video is accounted for."""
    config = parse(Config, argv, doc=__doc__)
    return run(
        replace(
            config,
            videos=storage.absolute(config.videos),
            package=storage.absolute(config.package),
            out=storage.absolute(config.out),
        )
    )


if __name__ == "__main__":
    raise SystemExit(main())

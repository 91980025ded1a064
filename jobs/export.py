"""Export a score set for people and other programs: tables, subtitles, annotations, videos, pages.

    python -m jobs.export --scores URI --out URI --formats vtt eaf overlay

Each URI is a local path or s3://. Tables are one file each; all else is a file per video, named as
the video and below its folders: OUT/vtt/s1/a.mp4.vtt. The same command again does only what is
missing, new or changed since.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from ray.data import ActorPoolStrategy, from_items

from emotion import storage
from emotion.errors import InputError
from emotion.ranges import at_least, check_ranges
from emotion.versions import check_schema_version
from jobs.common import cluster
from jobs.common.command import Address, one_line_errors, parse
from jobs.common.faults import check_fault
from jobs.common.progress import Progress
from jobs.exporting.tables import TABLE_FORMATS, export_tables
from jobs.exporting.worker import VIDEO_FORMATS, ExportShard, ExportWork, remove_gone
from jobs.ledger import lock, output
from jobs.ledger.entries import add_counts, read_entries
from jobs.ledger.shards import ShardRef, to_do
from jobs.ledger.stored_plan import planned_shards

Format = Literal["csv", "jsonl", "vtt", "srt", "eaf", "textgrid", "overlay", "blurred", "report"]
NEED_VIDEOS = frozenset({"overlay", "blurred", "report"})


@dataclass(frozen=True)
class Config:
    """What to export where.

    Attributes:
        scores: Folder that jobs.score made.
        out: Folder for the files; new, or begun by the same command.
        formats: csv and jsonl: the tables. vtt, srt: subtitles. eaf: ELAN. textgrid: Praat.
            overlay: the video with boxes, names and bars. blurred: the same with every face
            blurred. report: a page with the video, a timeline to click, and faces.
        videos: Folder of the videos, for overlay, blurred and report; default: the one scored.
        embed_mb: A report carries its video up to this size; for a larger one it asks the reader.
        address: Ray cluster to join; default: $RAY_ADDRESS, else a local Ray.
    """

    scores: Address
    out: Address
    formats: tuple[Format, ...]
    videos: Address | None = None
    embed_mb: float = 20.0
    address: str | None = None

    def __post_init__(self) -> None:
        if not self.formats:
            raise InputError("--formats names nothing; take some of csv, vtt, overlay, ...")
        check_ranges(self, embed_mb=at_least(0))


def run(config: Config) -> int:
    """Export what is missing; 0 also where single videos could not be read again."""
    if not storage.exists(storage.join(config.scores, output.SUCCESS)):
        raise InputError(f"--scores {config.scores} is not complete; run jobs.score again")
    facts = storage.read_json(storage.join(config.scores, "config.json"))
    check_schema_version(facts, config.scores, flag="scores")
    videos = config.videos or facts["videos_root"]
    if videos is None and NEED_VIDEOS & set(config.formats):
        raise InputError(
            f"--scores {config.scores} was made from a dataset's clips: name the folder of the "
            "videos by --videos"
        )
    spec = output.read_spec(config.scores)
    stored = {
        "scores": config.scores,
        "formats": sorted(config.formats),
        "model_id": facts["model_id"],
        "videos_root": videos,
    }
    output.claim(config.out, stored, job="jobs.export", spec=spec)
    work = ExportWork(
        scores=config.scores,
        out=config.out,
        videos=videos or "",
        formats=tuple(sorted(set(config.formats) & set(VIDEO_FORMATS))),
        labels=tuple(facts["labels"]),
        fps=spec.sample_fps,
        embed_bytes=round(config.embed_mb * 2**20),
    )
    with lock.held(config.out), TemporaryDirectory(prefix="video-emotion-plan-") as name:
        source = facts.get("dataset") or config.scores
        refs = planned_shards(source, Path(name))
        missing, stale = to_do(refs, config.out)
        for ref in stale:
            remove_gone(ref, work)
        tables = [form for form in TABLE_FORMATS if form in config.formats]
        if missing or stale or not storage.exists(storage.join(config.out, output.SUCCESS)):
            storage.remove(storage.join(config.out, output.SUCCESS))
            if work.formats and missing:
                with cluster.session(config.address):
                    _export(missing, work)
            export_tables(config.scores, config.out, tables)
            return _finish(config)
    print(f"{config.out} is complete: nothing to do")
    return 0


def _export(refs: Sequence[ShardRef], work: ExportWork) -> None:
    workers = max(1, min(cluster.cluster_cpus(), len(refs)))
    items = [ref.to_item("export") for ref in refs]
    rows = from_items(items, override_num_blocks=len(items)).map(
        ExportShard,  # type: ignore[arg-type]  # Ray's stubs do not know actor classes here
        fn_constructor_args=(work,),
        compute=ActorPoolStrategy(min_size=1, max_size=workers),
        num_cpus=1,
        runtime_env={"env_vars": cluster.WORKER_ENV},
    )
    total = sum(ref.num_rows - len(ref.retired) for ref in refs)
    with Progress("export", total=total, unit="video") as progress:
        for row in rows.iter_rows():
            check_fault(row["fault"])
            progress.step(row["videos"], files=row["files"], failed=row["failed"])


def _finish(config: Config) -> int:
    entries = read_entries(config.out)
    failed = add_counts(entry.rejects for entry in entries)
    counts = add_counts(entry.counts for entry in entries)
    storage.write_json(
        storage.join(config.out, output.SUCCESS), {"counts": counts, "failed": failed}
    )
    print(f"exported {config.out}: {counts.get('files', 0):,} files of single videos")
    for reason, count in sorted(failed.items()):
        print(f"  could not be read again: {reason} {count:,}")
    return 0


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; 0 when everything that could be exported is."""
    return run(parse(Config, argv, verb="jobs.export", doc=__doc__))


if __name__ == "__main__":
    raise SystemExit(main())

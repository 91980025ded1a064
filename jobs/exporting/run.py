"""Export on the driver: plan the shards, write the files of videos, the tables and ``_SUCCESS``."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from emotion import storage
from emotion.analysis.files import PICTURE_FORMATS
from emotion.errors import InputError
from emotion.export.names import STORED, ArchiveNames, check_names, read_names, stored_names
from emotion.export.tables import TABLE_FORMATS, csv_schemas, export_tables, has_tables
from emotion.package.trust import note_of_scores
from emotion.versions import check_job, check_schema_version
from jobs.common.faults import check_fault
from jobs.common.progress import Progress
from jobs.common.runner import open_runner
from jobs.exporting.choice import chosen_videos
from jobs.exporting.options import MAY_CHANGE, Config
from jobs.exporting.worker import (
    VIDEO_FORMATS,
    ExportSettings,
    ExportShard,
    forget_incomplete,
    num_stored,
    remove_retired_files,
)
from jobs.ledger import lock, output
from jobs.ledger.entries import add_counts, read_entries, remove_entry
from jobs.ledger.lock import Fence
from jobs.ledger.shards import ShardRef, done_shards, to_do
from jobs.ledger.stored_plan import stored_shards

MOST_NOTES = 20
"""Number of single videos that a run names."""


def run(config: Config) -> int:
    """Export the missing files; return 0, or 1 if some videos could not be exported.

    Raises:
        InputError: if the score set is not complete, ``--out`` cannot be used, or a format needs
            the videos and their folder is unknown.
    """
    if not storage.exists(storage.join(config.scores, output.SUCCESS)):
        raise InputError(f"--scores {config.scores} is not complete; run jobs.score again")
    facts = storage.read_json(storage.join(config.scores, "config.json"))
    check_job(facts, config.scores, flag="scores", job="jobs.score")
    check_schema_version(facts, config.scores, flag="scores")
    videos = config.videos or facts["videos_root"]
    if videos is None and set(PICTURE_FORMATS) & set(config.formats):
        raise InputError(
            f"--scores {config.scores} was made from a dataset's clips: name the folder of the "
            "videos by --videos"
        )
    if facts.get("model"):
        print(facts["model"])
    spec = output.read_spec(config.scores)
    only = chosen_videos(config.only, config.scores) if config.only is not None else None
    names = _names(config)
    stored = output.settings_of(config, (*MAY_CHANGE, "videos", "formats", "people")) | {
        "formats": sorted(config.formats),
        "model_id": facts["model_id"],
        "videos_root": videos,
    }
    output.claim(config.out, stored, job="jobs.export", spec=spec)
    settings = ExportSettings(
        scores=config.scores,
        out=config.out,
        videos=videos or "",
        formats=tuple(sorted(set(config.formats) & set(VIDEO_FORMATS))),
        labels=tuple(facts["labels"]),
        fps=spec.sample_fps,
        embed_bytes=round(config.embed_mb * 2**20),
        note=note_of_scores(facts),
        names=names,
        only=only,
    )
    with (
        lock.held(config.out) as fence,
        TemporaryDirectory(prefix="video-emotion-plan-") as name,
    ):
        folder = Path(name)
        settings = replace(settings, fence=fence)
        source = facts.get("dataset") or config.scores
        _forget_other_content(config.out, names, only)
        done, changed = done_shards(config.out), False
        for refs in stored_shards(source, folder):
            for ref in to_do(refs, done)[1]:  # before any file is written
                remove_retired_files(ref, settings)
                changed = True
        if changed:
            done = done_shards(config.out)
        if _lacks_files(config.out, settings):
            for refs in stored_shards(source, folder):
                finished = [ref for ref in refs if ref.shard_id in done]
                for shard_id in forget_incomplete(finished, settings):
                    done.pop(shard_id)
        num_missing = sum(len(to_do(refs, done)[0]) for refs in stored_shards(source, folder))
        tables = [form for form in TABLE_FORMATS if form in config.formats]
        success = storage.join(config.out, output.SUCCESS)
        whole = storage.exists(success) and has_tables(config.scores, config.out, tables)
        if num_missing or changed or not whole:
            storage.remove(success)
            if settings.formats and num_missing:
                for refs in stored_shards(source, folder):
                    if missing := to_do(refs, done)[0]:
                        _export(missing, settings, config)
            export_tables(config.scores, config.out, tables, names=names, only=only)
            output.write_readme(config.out, "scores", csv_schemas(facts["labels"]))
            _finish(config, fence)
            for line in settings.note.lines():
                print(line)
        else:
            print(f"{config.out} is complete: nothing to do")
        return _print_failed(config.out)


def _names(config: Config) -> dict[str, dict[int, str]]:
    """Return the names of --people, and keep them in the score set; else those that it has.

    Raises:
        InputError: if the file cannot be read, or names somebody who does not exist.
    """
    if config.people is None:
        return stored_names(config.scores)
    try:
        content = storage.read_bytes(config.people)
    except FileNotFoundError as err:
        raise InputError(f"--people {config.people} does not exist") from err
    source = f"--people {config.people}"
    names = read_names(content, source=source)
    videos = storage.read_tables(
        storage.join(config.scores, "videos"), columns=["uri", "num_identities"]
    )
    check_names(names, zip(*(c.to_pylist() for c in videos.columns), strict=True), source=source)
    storage.write_bytes(storage.join(config.scores, STORED), content)
    return names


def _forget_other_content(out: str, names: ArchiveNames, only: frozenset[str] | None) -> None:
    """Remove the ledger entries of an export that was made with other names or other videos."""
    uri = storage.join(out, "_ledger", "content.json")
    before = storage.read_json(uri)["sha256"] if storage.exists(uri) else _digest({}, None)
    now = _digest(names, only)
    if before != now:
        storage.remove(storage.join(out, output.SUCCESS))
        for entry in list(read_entries(out)):
            remove_entry(out, entry.shard_id)
        storage.write_json(uri, {"sha256": now})


def _digest(names: ArchiveNames, only: frozenset[str] | None) -> str:
    people = {uri: dict(of_video) for uri, of_video in names.items()}
    content = {"names": people, "only": None if only is None else sorted(only)}
    return hashlib.sha256(storage.json_bytes(content)).hexdigest()


def _lacks_files(out: str, settings: ExportSettings) -> bool:
    """Return True if a file of a finished video is gone or empty."""
    counts = add_counts(entry.counts for entry in read_entries(out))
    return num_stored(out, settings.formats) < counts.get("files", 0)


def _export(refs: Sequence[ShardRef], settings: ExportSettings, config: Config) -> None:
    video_s = sum(ref.video_s for ref in refs)
    items = [ref.to_item("export") for ref in refs]
    total = sum(settings.chooses(row["uri"]) for ref in refs for row in ref.rows())
    notes: list[str] = []
    with (
        open_runner(config.runner, config.address, video_s=video_s) as runner,
        Progress("export", total=total, unit="video") as progress,
    ):
        for row in runner.map(ExportShard, (settings,), items, video_s=video_s):
            check_fault(row["fault"])
            progress.step(row["videos"], files=row["files"], failed=row["failed"])
            notes += row["notes"]
    for line in notes[:MOST_NOTES]:
        print(f"  {storage.printable(line)}")
    if len(notes) > MOST_NOTES:
        print(f"  and {len(notes) - MOST_NOTES:,} more")


def _finish(config: Config, fence: Fence) -> None:
    """Write ``_SUCCESS``; print the summary."""
    entries = list(read_entries(config.out))
    failed = add_counts(entry.rejects for entry in entries)
    counts = add_counts(entry.counts for entry in entries)
    output.mark_complete(fence, {"counts": counts, "failed": failed})
    print(f"exported {config.out}: {counts.get('files', 0):,} files of single videos")


def _print_failed(out: str) -> int:
    """Print the number of videos that could not be exported, by reason; return the exit code."""
    failed = add_counts(entry.rejects for entry in read_entries(out))
    for reason, count in sorted(failed.items()):
        print(f"  not exported: {reason} {count:,}")
    return 1 if failed else 0

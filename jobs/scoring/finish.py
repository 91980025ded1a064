"""End of a scoring run: report.html, ``_SUCCESS`` and the summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from emotion import storage
from emotion.nouns import counted
from emotion.package import seen
from emotion.package.trust import note_of_scores
from emotion.predict.ensemble import ScoringPackage
from emotion.predict.profiles import drifts, read_baseline
from emotion.report.scores import scores_report
from emotion.versions import pipeline_versions
from jobs.ledger import output
from jobs.ledger.entries import Entry, add_counts, faceless_line
from jobs.ledger.lock import Fence
from jobs.scoring.options import Config
from schemas.scores import score_tables

_SLOWEST = 10  # number of videos in the report's table of slowest videos


def finish(
    config: Config,
    package: ScoringPackage,
    entries: Sequence[Entry],
    num_listed: int,
    left_out: Counter[str],
    fence: Fence,
) -> None:
    """Write report.html, seen.json and ``_SUCCESS``; print the summary.

    Args:
        config: options of the run.
        package: the model package.
        entries: ledger entries of all shards.
        num_listed: number of videos of the plan.
        left_out: number of videos that the plan of the dataset rejected, by reason.
        fence: lock of the run.
    """
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
    output.write_readme(config.out, "scores", score_tables(package.labels))
    if package.seen is not None:
        storage.write_json(storage.join(config.out, seen.FILE), package.seen.to_json())
    success = {
        "counts": counts,
        "rejects": dict(reasons),
        "faceless_frames": sum(entry.faceless_frames for entry in entries),
        "labels": list(package.labels),
        "model_id": package.model_id,
        "spec_digest": package.spec.digest,
        "versions": pipeline_versions(),
    }
    output.mark_complete(fence, success)
    print(f"scored {config.out}: {counted(num_listed, 'video')} listed, {counts['videos']:,} read")
    print(
        f"  {counted(counts['scores'], 'clip')} scored by model {package.model_id}; "
        f"{counted(counts['tracks'], 'track')}, {counted(counts['segments'], 'segment')}"
    )
    print(f"  {faceless_line(entries)}")
    for reason, count in sorted(reasons.items()):
        print(f"  left out: {reason} {count:,}")
    for line in note_of_scores(storage.read_json(storage.join(config.out, "config.json"))).lines():
        print(line)

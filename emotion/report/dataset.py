"""The page of a dataset: its size, subjects, labels, faces, and the videos that were left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emotion import storage
from emotion.report.balance import class_rows, split_rows, subject_numbers
from emotion.report.charts import Bar, Histogram, bars, histogram, stepped
from emotion.report.crops import Crop, load_crops
from emotion.report.page import data_uri, name_of, render
from emotion.report.tally import QUALITY_STEPS, Tally, read_tally
from emotion.report.throughput import throughput
from emotion.versions import pipeline_versions

NUM_KINDS = 10
"""Largest number of rows in the lists of codecs and sizes; one more row has the sum of the rest."""

DISTRIBUTIONS = {
    "duration_s": "video duration, s",
    "fps": "frames per second of the videos",
    "track_s": "track length, s",
    "size_px": "face size, px",
    "blur": "face sharpness, variance of Laplacian",
    "brightness": "face brightness, 0 to 255",
    "yaw_deg": "head yaw, degrees",
    "quality": "clip quality, 0 to 1",
}
"""Titles of the histograms, by name of the sample in ``Tally.samples``."""


@dataclass(frozen=True)
class RejectRow:
    """One line of the table of videos that were left out.

    Attributes:
        stage: plan (before reading) or decode.
        reason: reason, from the closed list of ``emotion.errors``.
        num_videos: number of videos with this stage and reason.
        share: ``num_videos`` divided by the number of all videos left out.
        placed: share of these videos whose row gives the place of the fault in the file.
        example: uri and detail of the first video with this reason.
    """

    stage: str
    reason: str
    num_videos: int
    share: float
    placed: float
    example: tuple[str, str]


@dataclass(frozen=True)
class Face:
    """A crop for the page; ``image`` is a data: address that holds the JPEG."""

    clip_id: str
    subject_id: str
    label: str
    quality: float
    image: str


def dataset_report(dataset_uri: str, *, entries: Sequence[Mapping[str, Any]] = ()) -> str:
    """Read a dataset whose tables are complete, and return its page as HTML.

    Args:
        dataset_uri: folder of the dataset.
        entries: ledger entries of its shards, each with shard_id, counts, video_s and wall_s.

    Raises:
        InputError: if a table has no part.
        FileNotFoundError: if spec.json or config.json is missing.
    """
    config = storage.read_json(storage.join(dataset_uri, "config.json"))
    spec = storage.read_json(storage.join(dataset_uri, "spec.json"))
    tally = read_tally(dataset_uri)
    return dataset_page(
        tally,
        labels=config["labels"],
        spec=spec,
        crops=load_crops(tally.candidates.shown()),
        worst=load_crops(tally.candidates.worst()),
        entries=entries,
        versions=pipeline_versions(),
        title=name_of(dataset_uri),
    )


def dataset_page(
    tally: Tally,
    *,
    labels: Sequence[str],
    spec: Mapping[str, Any],
    crops: Sequence[Crop],
    worst: Sequence[Crop],
    entries: Sequence[Mapping[str, Any]],
    versions: Mapping[str, str],
    title: str,
) -> str:
    """Return the page of a tally as HTML.

    Args:
        tally: the counts; all of them may be 0.
        labels: the label set, in order.
        spec: content of spec.json: the extraction spec.
        crops: faces to show, grouped by label on the page.
        worst: faces of low quality, the lowest first.
        entries: ledger entries, see ``dataset_report``.
        versions: versions of the installed packages, by name.
        title: name of the dataset.
    """
    splits = split_rows(tally)
    return render(
        "dataset.html",
        title=title,
        totals=tally.rows,
        stages=stage_bars(tally),
        incomplete=tally.stages["incomplete"],
        rejects=reject_rows(tally),
        no_clip=bars([(r["reason"] or "unknown", r["rows"]) for r in tally.no_clip.largest(50)]),
        splits=splits,
        classes=class_rows(tally, labels),
        subjects=subject_numbers(tally),
        people=bars(stepped(_by_number(tally, "num_identities"), last=4)),
        num_shared=sum(n for value, n in _by_number(tally, "num_identities") if value > 1),
        tracks=bars(stepped(_by_number(tally, "num_tracks"), last=6)),
        faces=bars(stepped(_by_number(tally, "num_faces"), last=4)),
        codecs=_kinds([(r["codec"] or "unknown", r["rows"]) for r in tally.codecs.largest(10**4)]),
        sizes=_kinds(
            [(f"{r['width']} × {r['height']}", r["rows"]) for r in tally.sizes.largest(10**4)]
        ),
        histograms=histograms(tally),
        sheet=contact_sheet(crops, labels),
        worst=[_face(crop) for crop in worst],
        quality=[(s, tally.below[s], _share(tally.below[s], tally)) for s in QUALITY_STEPS],
        throughput=throughput(entries),
        spec=sorted((name, value) for name, value in spec.items() if name != "digest"),
        digest=spec.get("digest", ""),
        versions=sorted(versions.items()),
    )


def stage_bars(tally: Tally) -> tuple[Bar, ...]:
    """Return the number of videos that reached each stage; shares refer to the first stage.

    An incomplete video is in ``videos`` and in ``rejects``; it is counted once.
    """
    listed = tally.rows["videos"] + tally.rows["rejects"] - tally.stages["incomplete"]
    stages = [
        ("listed or labelled", listed),
        ("read", tally.rows["videos"]),
        ("with faces", tally.stages["num_faces"]),
        ("with tracks", tally.stages["num_tracks"]),
        ("with clips", tally.stages["num_clips"]),
    ]
    return bars(stages, total=listed)


def reject_rows(tally: Tally) -> list[RejectRow]:
    """Return the videos left out, by stage and reason, the most frequent first."""
    total = tally.rows["rejects"]
    return [
        RejectRow(
            stage=row["stage"],
            reason=row["reason"],
            num_videos=row["rows"],
            share=row["rows"] / total,
            placed=row["placed"] / row["rows"],
            example=tally.examples[row["reason"]],
        )
        for row in tally.rejects.largest(100)
    ]


def histograms(tally: Tally) -> list[Histogram]:
    """Return one histogram for each of ``DISTRIBUTIONS``."""
    return [
        histogram(
            title,
            tally.samples[name].values,
            cut_low=name == "yaw_deg",
            num_values=tally.samples[name].count,
        )
        for name, title in DISTRIBUTIONS.items()
    ]


def contact_sheet(crops: Sequence[Crop], labels: Sequence[str]) -> list[tuple[str, list[Face]]]:
    """Return (label, faces) for the labels that have crops, in order of the label set."""
    faces = [_face(crop) for crop in crops]
    sheet = [(label, [face for face in faces if face.label == label]) for label in labels]
    return [(label, of_label) for label, of_label in sheet if of_label]


def _face(crop: Crop) -> Face:
    image = data_uri(crop.jpeg, mime="image/jpeg")
    return Face(crop.clip_id, crop.subject_id, crop.label, crop.quality, image)


def _by_number(tally: Tally, name: str) -> list[tuple[int, int]]:
    grouped = {
        "num_identities": tally.people,
        "num_tracks": tally.tracks,
        "num_faces": tally.faces,
    }
    return [(int(row[name] or 0), int(row["rows"])) for row in grouped[name].rows()]


def _kinds(counts: Sequence[tuple[str, int]]) -> tuple[Bar, ...]:
    named = list(counts[:NUM_KINDS])
    if others := sum(count for _, count in counts[NUM_KINDS:]):
        named.append((f"{len(counts) - NUM_KINDS:,} others", others))
    return bars(named)


def _share(count: int, tally: Tally) -> float | None:
    return count / tally.rows["clips"] if tally.rows["clips"] else None

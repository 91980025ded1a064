"""Files of a ``Result``, by the ending of their names."""

from __future__ import annotations

import dataclasses
import io
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
import pyarrow.csv as pa_csv

from emotion import storage
from emotion.analysis.files import picture_files, text_file
from emotion.analysis.source import Source, local_video
from emotion.errors import InputError
from emotion.export.tables import flatten_box, for_spreadsheets
from emotion.predict.answer import VideoPrediction

if TYPE_CHECKING:
    from emotion.report.video import VideoRows

TEXT_SUFFIXES = {".vtt": "vtt", ".srt": "srt", ".eaf": "eaf", ".textgrid": "textgrid"}
PICTURE_SUFFIXES = {".html": "report", ".mp4": "overlay"}
SUFFIXES = (".csv", ".json", *TEXT_SUFFIXES, *PICTURE_SUFFIXES)
"""Endings of file names that name a format, in lower case; other letters count as these."""
TABLES = ("videos", "people", "tracks", "segments", "timeline", "clips", "faces")
"""Tables that a folder gets, one CSV file each."""


class Analyzed(Protocol):
    """Parts of a ``Result`` that its files need."""

    @property
    def answer(self) -> VideoPrediction:
        """The answer as plain values."""

    @property
    def uri(self) -> str:
        """Path or address of the video."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the model, in order."""

    @property
    def sample_fps(self) -> float:
        """Samples per second."""

    @property
    def tables(self) -> Mapping[str, pa.Table]:
        """Arrow tables by name."""

    def people_table(self) -> pa.Table:
        """Return a row per person."""


def save_result(result: Analyzed, out: str, *, video: Source) -> None:
    """Write a result to the file or folder ``out``; see ``Result.save``.

    Raises:
        InputError: if the ending is unknown, or the video is needed and cannot be read again.
        VideoError: if the video is needed and damaged.
    """
    out = os.fspath(out)
    name = out.rsplit("/", 1)[-1]
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122  (an address is no Path)
    if not suffix:
        _save_folder(result, out)
    elif suffix == ".csv":
        storage.write_bytes(out, csv_bytes(result.tables["timeline"]))
    elif suffix == ".json":
        storage.write_bytes(out, storage.json_bytes(answer_json(result)))
    elif suffix in TEXT_SUFFIXES:
        media = result.uri if "://" in result.uri else storage.absolute(result.uri)
        content = text_file(
            TEXT_SUFFIXES[suffix],
            _rows(result),
            media=media,
            folder=storage.absolute(out).rpartition("/")[0],
            note=result.answer.trust,
        )
        storage.write_bytes(out, content)
    elif suffix in PICTURE_SUFFIXES:
        _save_picture(result, out, PICTURE_SUFFIXES[suffix], video)
    else:
        raise InputError(
            f"{out} ends in {suffix}; it must end in {', '.join(SUFFIXES)}, or in / for a folder "
            "with all tables"
        )


def csv_bytes(table: pa.Table, *, header: bool = True) -> bytes:
    """Return a table as CSV for spreadsheets; a box has a column per corner."""
    sink = io.BytesIO()
    pa_csv.write_csv(
        for_spreadsheets(flatten_box(table)), sink, pa_csv.WriteOptions(include_header=header)
    )
    return sink.getvalue()


def answer_json(result: Analyzed) -> dict[str, Any]:
    """Return the answer as plain values: that of ``VideoPrediction``, people and timeline."""
    tables = {"people": result.people_table(), "timeline": result.tables["timeline"]}
    rows = {name: table.drop_columns(["video_id", "uri"]) for name, table in tables.items()}
    return dataclasses.asdict(result.answer) | {k: t.to_pylist() for k, t in rows.items()}


def _save_folder(result: Analyzed, out: str) -> None:
    tables = {**result.tables, "people": result.people_table(), "clips": result.tables["scores"]}
    for name in TABLES:
        storage.write_bytes(storage.join(out, f"{name}.csv"), csv_bytes(tables[name]))


def _save_picture(result: Analyzed, out: str, form: str, video: Source) -> None:
    try:
        seekable = isinstance(video, str | os.PathLike) or video.seekable()
    except ValueError:  # it is closed
        seekable = False
    if not seekable:
        raise InputError(
            f"{out} needs the video, and {video!r} cannot be read again; name the video: "
            "save(out, video=...)"
        )
    with local_video(video) as local, TemporaryDirectory(prefix="video-emotion-") as folder:
        files = picture_files(
            (form,),
            _rows(result),
            local.path,
            Path(folder),
            labels=result.labels,
            fps=result.sample_fps,
            note=result.answer.trust,
        )
        for file in files:
            storage.put_file(file.path, out)


def _rows(result: Analyzed) -> VideoRows:
    from emotion.report.video import VideoRows

    names = ("segments", "timeline", "tracks", "people", "faces")
    (video,) = result.tables["videos"].to_pylist()
    return VideoRows(video=video, **{name: result.tables[name].to_pylist() for name in names})

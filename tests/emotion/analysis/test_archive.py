"""``read_scores``: the tables of a score set as data frames."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import emotion
from emotion import storage
from emotion.errors import InputError
from emotion.labels import LABELS

METHODS = ("timeline", "segments", "tracks", "people", "clips", "faces", "videos")


def test_the_tables_are_those_of_the_archive(scores: Path) -> None:
    archive = emotion.read_scores(str(scores))
    assert archive.labels == LABELS
    for name in METHODS[:3]:
        frame = getattr(archive, name)()
        stored = storage.read_tables(str(scores / name))
        assert len(frame) == stored.num_rows > 0
        assert list(frame["start_s"]) == stored["start_s"].to_pylist()
    assert len(archive.videos()) == 6
    assert len(archive.clips()) == archive.videos()["num_clips"].sum()
    assert len(archive.faces()) == archive.videos()["num_faces"].sum()
    assert list(archive.rejects()["reason"]) == []


def test_one_video_of_an_archive_has_the_columns_of_a_result(
    scores: Path, corpus: Path, package: Path
) -> None:
    archive = emotion.read_scores(str(scores))
    uri = "videos/s1/surprise.mp4"
    result = emotion.analyze(corpus / uri, package=str(package))
    for name in METHODS:
        of_video, of_archive = getattr(result, name)(), getattr(archive, name)()
        assert list(of_video.columns) == list(of_archive.columns)
        assert list(of_video.dtypes) == list(of_archive.dtypes)
    people = archive.people()
    numbers = [name for name in people.columns if people[name].dtype == "float32"]
    pd.testing.assert_frame_equal(
        people[people["uri"] == uri][numbers].reset_index(drop=True),
        result.people()[numbers],
        atol=1e-5,
    )


def test_another_folder_is_no_score_set(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no _SUCCESS"):
        emotion.read_scores(str(tmp_path))

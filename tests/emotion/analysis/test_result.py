"""A result's files, plot and HTML, read back by other programs and libraries."""

from __future__ import annotations

import csv
import html
import io
import json
import shutil
from pathlib import Path

import av
import matplotlib
import pandas as pd
import pympi
import pytest
import srt
import webvtt
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from emotion import storage
from emotion.analysis.analyzer import Analyzer
from emotion.analysis.result import Result
from emotion.colours import LABEL_COLOURS
from emotion.errors import InputError
from emotion.labels import LABELS
from tests.helpers.pages import Page

pytestmark = pytest.mark.large

matplotlib.use("Agg")
ODD = "<b>a & b.mp4"


@pytest.fixture(scope="module")
def result(package: Path, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Analyze a clip whose name holds characters that HTML escapes."""
    path = tmp_path_factory.mktemp("odd") / ODD
    shutil.copy(corpus / "videos/s0/happy.mp4", path)
    return Analyzer(str(package), device="cpu").analyze(path)


def test_repr_is_one_short_line(result: Result) -> None:
    assert repr(result) == (
        f"<Result {ODD}: {result.label} {result.confidence:.0%}; "
        f"{result.answer.duration_s:.1f} s, 1 person>"
    )


def test_subtitles_are_read_by_others(result: Result, tmp_path: Path) -> None:
    for name in ("a.vtt", "a.SRT"):
        result.save(str(tmp_path / name))
    captions = list(webvtt.from_buffer(io.StringIO((tmp_path / "a.vtt").read_text())).captions)
    cues = list(srt.parse((tmp_path / "a.SRT").read_text()))
    assert len(captions) == len(cues) == len(result.segments()) > 0
    assert captions[0].text.split()[0] == result.segments()["label"][0]


def test_annotations_are_read_by_others(result: Result, tmp_path: Path) -> None:
    result.save(str(tmp_path / "a.eaf"))
    result.save(str(tmp_path / "a.TextGrid"))
    eaf = pympi.Eaf(str(tmp_path / "a.eaf"))
    labels = [text for *_, text in eaf.get_annotation_data_for_tier("person 1")]
    assert labels == list(result.segments()["label"])
    assert eaf.media_descriptors[0]["MEDIA_URL"] == Path(result.uri).absolute().as_uri()
    grid = pympi.TextGrid(str(tmp_path / "a.TextGrid"))
    tiers = [name for _, name in grid.get_tier_name_num()]
    assert tiers == ["person 1", "person 1 confidence", "person 1 track"]


def test_csv_is_the_timeline_and_a_folder_has_every_table(result: Result, tmp_path: Path) -> None:
    result.save(str(tmp_path / "a.csv"))
    read = pd.read_csv(tmp_path / "a.csv")
    assert list(read.columns) == list(result.timeline().columns)
    assert list(read["label"]) == list(result.timeline()["label"])
    result.save(str(tmp_path / "all/"))
    result.save(str(tmp_path / "again"))
    for folder in ("all", "again"):
        names = {path.stem: path for path in (tmp_path / folder).iterdir()}
        assert sorted(names) == [
            "clips", "faces", "people", "segments", "timeline", "tracks", "videos",
        ]  # fmt: skip
        for name, path in names.items():
            with path.open(newline="") as file:
                assert len(list(csv.DictReader(file))) == len(getattr(result, name)()), name


def test_json_has_the_answer_people_and_timeline(result: Result, tmp_path: Path) -> None:
    result.save(str(tmp_path / "a.json"))
    value = json.loads((tmp_path / "a.json").read_text())
    assert (value["label"], value["model_id"]) == (result.label, result.answer.model_id)
    assert list(value["probs"]) == sorted(LABELS)
    assert len(value["timeline"]) == len(result.timeline())
    assert [one["person"] for one in value["people"]] == ["person 1"]
    assert len(value["segments"]) == len(result.segments())


def test_the_overlay_has_the_frames_of_the_video(result: Result, tmp_path: Path) -> None:
    result.save(str(tmp_path / "a.mp4"))
    counts = []
    for path in (tmp_path / "a.mp4", Path(result.uri)):
        with av.open(str(path)) as container:
            counts.append(sum(1 for _ in container.decode(video=0)))
    assert counts[0] == counts[1] > 20


def test_the_page_holds_the_video_and_escapes_its_name(result: Result, tmp_path: Path) -> None:
    result.save(str(tmp_path / "a.html"))
    text = (tmp_path / "a.html").read_text()
    page = Page(text)
    assert "<b>a" not in text
    assert any(address.startswith("data:video/mp4") for address in page.addresses)


def test_an_object_is_written(result: Result, s3: str) -> None:
    result.save(f"{s3}/out/a.vtt")
    result.save(f"{s3}/tables")
    assert storage.read_bytes(f"{s3}/out/a.vtt").startswith(b"WEBVTT")
    assert len(storage.list_files(f"{s3}/tables")) == 7


@pytest.mark.parametrize("name", ["a.txt", "results.v1", "a.mov"])
def test_an_unknown_ending_is_named(name: str, result: Result, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"it must end in \.csv, \.json, \.vtt"):
        result.save(str(tmp_path / name))
    assert list(tmp_path.iterdir()) == []


def test_a_missing_video_is_named(result: Result, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gone.mp4 does not exist"):
        result.save(str(tmp_path / "a.html"), video=str(tmp_path / "gone.mp4"))


def test_the_plot_has_the_palette_and_a_band_per_person(result: Result) -> None:
    axes = Figure().add_subplot()
    assert result.plot(axes) is axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["person 1"]
    assert axes.get_xlim() == (0, result.answer.duration_s)
    legend = axes.get_legend()
    assert legend is not None
    shown = {
        text.get_text(): to_hex(patch.get_facecolor())
        for text, patch in zip(legend.get_texts(), legend.get_patches(), strict=True)
    }
    assert shown == LABEL_COLOURS


def test_the_plot_makes_its_own_figure(result: Result) -> None:
    from matplotlib import pyplot

    axes = result.plot()
    assert pyplot.get_fignums()
    pyplot.close(axes.figure)  # type: ignore[arg-type]


def test_html_for_a_notebook_is_escaped(result: Result) -> None:
    text = result._repr_html_()
    page = Page(text)
    assert page.open == []
    assert "<b>a" not in text
    assert html.escape(ODD) in text
    assert [a for a in page.addresses if not a.startswith("data:image/png;base64,")] == []
    assert page.alts == [f"timeline of {ODD}: {result.head()}"]
    assert "person 1" in page.words
    assert result.model in page.words
    assert "<script" not in text

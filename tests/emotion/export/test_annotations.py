"""Subtitles and annotations, read back by other programs and libraries."""

import dataclasses
import io
from pathlib import Path
from xml.etree import ElementTree

import parselmouth
import pympi
import pytest
import srt
import webvtt

from emotion.export.annotations import elan, textgrid
from emotion.export.subtitles import subtitles
from emotion.predict.spans import Scene, Span, by_person, scenes, spans_of

ALONE = [Span(0, 0, 0.5, 1.25, "calm", 0.8), Span(0, 0, 1.25, 3.0, "glad", 0.9)]
TWO = [*ALONE, Span(1, 1, 1.0, 2.0, "sad", 0.61)]


def read_vtt(text: str) -> list[webvtt.Caption]:
    return list(webvtt.from_buffer(io.StringIO(text)).captions)


def test_rows_become_spans_in_order() -> None:
    rows = [dataclasses.asdict(span) | {"quality": 1.0} for span in reversed(TWO)]
    assert spans_of(rows) == TWO


def test_a_scene_ends_when_a_span_begins_or_ends() -> None:
    calm, glad, sad = TWO
    assert scenes(TWO) == [
        Scene(0.5, 1.0, (calm,)),
        Scene(1.0, 1.25, (calm, sad)),
        Scene(1.25, 2.0, (glad, sad)),
        Scene(2.0, 3.0, (glad,)),
    ]
    assert scenes([]) == []


def test_a_hole_is_no_scene() -> None:
    apart = [Span(0, 0, 0.0, 1.0, "calm", 0.8), Span(0, 0, 2.0, 3.0, "glad", 0.9)]
    assert [(s.start_s, s.stop_s) for s in scenes(apart)] == [(0.0, 1.0), (2.0, 3.0)]


def test_webvtt_is_read_by_webvtt_py() -> None:
    captions = read_vtt(subtitles(TWO, "vtt"))
    assert [(c.start, c.end) for c in captions] == [
        ("00:00:00.500", "00:00:01.000"),
        ("00:00:01.000", "00:00:01.250"),
        ("00:00:01.250", "00:00:02.000"),
        ("00:00:02.000", "00:00:03.000"),
    ]
    assert captions[1].lines == ["person 1: calm 80%", "person 2: sad 61%"]


def test_srt_is_read_by_srt() -> None:
    cues = list(srt.parse(subtitles(ALONE, "srt")))
    assert [(c.index, c.start.total_seconds(), c.end.total_seconds(), c.content) for c in cues] == [
        (1, 0.5, 1.25, "calm 80%"),
        (2, 1.25, 3.0, "glad 90%"),
    ]


@pytest.mark.parametrize("form", ["vtt", "srt"])
def test_no_segments_give_no_cues(form: str) -> None:
    text = subtitles([], "vtt" if form == "vtt" else "srt")
    if form == "vtt":
        assert read_vtt(text) == []
    else:
        assert list(srt.parse(text)) == []


def test_elan_finds_the_video_from_its_own_folder() -> None:
    content = elan(TWO, media="/videos/s 1/a#1.mp4", folder="/out/eaf/s 1")
    media = ElementTree.fromstring(content).find("HEADER/MEDIA_DESCRIPTOR")
    assert media is not None
    assert media.get("MEDIA_URL") == "file:///videos/s%201/a%231.mp4"
    assert media.get("RELATIVE_MEDIA_URL") == "../../../videos/s 1/a#1.mp4"


def test_hours_are_written() -> None:
    late = [Span(0, 0, 3 * 3600 + 61.5, 3 * 3600 + 62.0, "calm", 0.5)]
    (caption,) = read_vtt(subtitles(late, "vtt"))
    assert (caption.start, caption.end) == ("03:01:01.500", "03:01:02.000")


def test_elan_has_a_tier_per_person(tmp_path: Path) -> None:
    path = tmp_path / "a.eaf"
    path.write_bytes(elan(TWO, media="a film.mp4"))
    eaf = pympi.Eaf(str(path))
    assert sorted(eaf.get_tier_names()) == [
        "person 1", "person 1 confidence", "person 1 track",
        "person 2", "person 2 confidence", "person 2 track",
    ]  # fmt: skip
    assert eaf.get_annotation_data_for_tier("person 1") == [
        (500, 1250, "calm"),
        (1250, 3000, "glad"),
    ]
    assert eaf.get_annotation_data_for_tier("person 2 confidence") == [(1000, 2000, "0.610")]
    assert eaf.get_annotation_data_for_tier("person 2 track") == [(1000, 2000, "1")]
    assert sorted(eaf.child_tiers_for("person 2")) == ["person 2 confidence", "person 2 track"]
    root = ElementTree.fromstring(path.read_bytes())
    assert root.tag == "ANNOTATION_DOCUMENT"
    media = root.find("HEADER/MEDIA_DESCRIPTOR")
    assert media is not None
    assert (media.get("MEDIA_URL"), media.get("MIME_TYPE")) == ("a film.mp4", "video/mp4")
    header = root.find("HEADER")
    assert header is not None
    assert header.get("TIME_UNITS") == "milliseconds"
    slots = {s.get("TIME_SLOT_ID") for s in root.iter("TIME_SLOT")}
    used = {r.get(k) for r in root.iter("ALIGNABLE_ANNOTATION")
            for k in ("TIME_SLOT_REF1", "TIME_SLOT_REF2")}  # fmt: skip
    assert used <= slots


def test_many_tracks_of_one_person_have_one_tier(tmp_path: Path) -> None:
    """Five people of ten tracks each, one after the other: 15 tiers, and not 100."""
    spans = [
        Span(who, 10 * who + k, 2.0 * k, 2.0 * k + 2, "calm", 0.8)
        for who in range(5)
        for k in range(10)
    ]
    path = tmp_path / "a.eaf"
    path.write_bytes(elan(spans, media="a.mp4"))
    eaf = pympi.Eaf(str(path))
    assert len(list(eaf.get_tier_names())) == 15
    tracks = eaf.get_annotation_data_for_tier("person 5 track")
    assert tracks == [(2000 * k, 2000 * k + 2000, str(40 + k)) for k in range(10)]


def test_tracks_of_one_person_that_overlap_have_tiers_of_their_own(tmp_path: Path) -> None:
    spans = [
        Span(0, 0, 0.0, 2.0, "calm", 0.8),
        Span(0, 3, 1.0, 3.0, "glad", 0.9),
        Span(0, 4, 2.5, 4.0, "calm", 0.7),
    ]
    tiers = by_person(spans)
    assert {name: [s.track_id for s in of_tier] for name, of_tier in tiers.items()} == {
        "person 1": [0, 4],
        "person 1 (2)": [3],
    }
    path = tmp_path / "a.eaf"
    path.write_bytes(elan(spans, media="a.mp4"))
    annotations = pympi.Eaf(str(path)).get_annotation_data_for_tier("person 1 (2)")
    assert annotations == [(1000, 3000, "glad")]


def test_people_have_the_names_that_were_given(tmp_path: Path) -> None:
    """Person 2 is Anna; a name that two people have makes one tier."""
    path = tmp_path / "a.eaf"
    path.write_bytes(elan(TWO, media="a.mp4", names={1: "Anna"}))
    assert {"Anna", "Anna track"} < set(pympi.Eaf(str(path)).get_tier_names())
    (tmp_path / "a.TextGrid").write_bytes(textgrid(TWO, duration_s=4.0, names={1: "Anna"}))
    grid = parselmouth.read(str(tmp_path / "a.TextGrid"))
    assert parselmouth.praat.call(grid, "Get tier name", 4) == "Anna"
    assert "Anna: " in subtitles(TWO, "vtt", names={1: "Anna"})
    assert "Anna: " in subtitles(TWO[:1], "srt", names={TWO[0].identity_id: "Anna"})
    later = [Span(0, 0, 0.0, 1.0, "calm", 0.8), Span(1, 1, 2.0, 3.0, "glad", 0.9)]
    assert list(by_person(later, {0: "Anna", 1: "Anna"})) == ["Anna"]


def test_praat_reads_the_textgrid(tmp_path: Path) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_bytes(textgrid(TWO, duration_s=4.0))
    grid = parselmouth.read(str(path))
    call = parselmouth.praat.call
    assert call(grid, "Get end time") == pytest.approx(4.0)
    assert call(grid, "Get number of tiers") == 6
    assert call(grid, "Get tier name", 1) == "person 1"
    intervals = [
        (call(grid, "Get starting point", 1, k), call(grid, "Get label of interval", 1, k))
        for k in range(1, int(call(grid, "Get number of intervals", 1)) + 1)
    ]
    assert intervals == [(0.0, ""), (0.5, "calm"), (1.25, "glad"), (3.0, "")]


def test_empty_documents_open(tmp_path: Path) -> None:
    (tmp_path / "a.eaf").write_bytes(elan([], media="a.mp4"))
    assert pympi.Eaf(str(tmp_path / "a.eaf")).get_tier_names()
    (tmp_path / "a.TextGrid").write_bytes(textgrid([], duration_s=2.0))
    grid = parselmouth.read(str(tmp_path / "a.TextGrid"))
    assert parselmouth.praat.call(grid, "Get end time") == pytest.approx(2.0)


UNSURE = [Span(0, 0, 0.0, 1.0, "calm", 0.4, is_uncertain=True)]
REMARKS = ["warning: not for people --> never", "recall on FER2013 test: glad 80%"]


def test_an_uncertain_run_says_so_everywhere() -> None:
    (cue,) = read_vtt(subtitles(UNSURE, "vtt"))
    assert cue.text == "uncertain (calm 40%)"
    (line,) = srt.parse(subtitles(UNSURE, "srt"))
    assert line.content == "uncertain (calm 40%)"
    assert b">uncertain (calm)<" in elan(UNSURE, media="a.mp4")
    assert b'"uncertain (calm)"' in textgrid(UNSURE, duration_s=1.0)


def test_remarks_are_a_note_in_webvtt_and_properties_in_elan(tmp_path: Path) -> None:
    text = subtitles(TWO, "vtt", remarks=REMARKS)
    assert text.startswith("WEBVTT\n\nNOTE\nwarning: not for people to never\nrecall on FER2013")
    assert [c.text for c in read_vtt(text)] == [c.text for c in read_vtt(subtitles(TWO, "vtt"))]
    assert subtitles(TWO, "srt", remarks=REMARKS) == subtitles(TWO, "srt")
    path = tmp_path / "a.eaf"
    path.write_bytes(elan(TWO, media="a.mp4", remarks=REMARKS))
    properties = dict(pympi.Eaf(str(path)).properties)
    assert [properties[f"remark {k}"] for k in (1, 2)] == REMARKS


@pytest.mark.parametrize("first_s", [0.0, 3.0, 0.44])
def test_times_are_those_of_a_player(first_s: float) -> None:
    """Pictures that begin after the sound: subtitles and annotations count with the sound."""
    rows = [dataclasses.asdict(span) for span in ALONE]
    spans = spans_of(rows, first_frame_s=first_s)
    times = [time_s - first_s for s in spans for time_s in (s.start_s, s.stop_s)]
    assert times == pytest.approx([0.5, 1.25, 1.25, 3.0])

"""Labels and names with characters that mean something in the exported formats."""

import csv
import html
import io
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import parselmouth
import pyarrow as pa
import pytest
import srt
import webvtt

from emotion.analysis.save import csv_bytes
from emotion.errors import InputError
from emotion.export.annotations import elan, textgrid
from emotion.export.subtitles import subtitles
from emotion.export.tables import for_spreadsheets
from emotion.labels import parse_labels
from emotion.predict.spans import Span

WORDS = {
    # label: the words as one line of text
    "calm --> tense": "calm --> tense",
    "<b>glad</b> & sad": "<b>glad</b> & sad",
    "{\\an8}up": "{\\an8}up",
    "{sad}": "{sad}",
    "C:\\Never": "C:\\Never",
    'so "called"': 'so "called"',
    "two\n\nlines": "two  lines",
    "nul\0l": "nul l",
    "bell\x07": "bell ",
    "u\u2028v": "u v",
    "日本 é": "日本 é",
}


def spans(label: str) -> list[Span]:
    return [Span(0, 0, 0.0, 1.0, label, 0.9), Span(0, 0, 1.0, 2.0, "last", 0.8)]


@pytest.mark.parametrize("label, line", WORDS.items(), ids=[repr(word) for word in WORDS])
def test_webvtt_shows_the_label(label: str, line: str) -> None:
    captions = webvtt.from_buffer(io.StringIO(subtitles(spans(label), "vtt"))).captions
    assert [html.unescape(c.raw_text) for c in captions] == [f"{line} 90%", "last 80%"]
    assert all("<" not in c.raw_text and "-->" not in c.raw_text for c in captions)


@pytest.mark.parametrize("label, line", WORDS.items(), ids=[repr(word) for word in WORDS])
def test_subrip_shows_the_label_without_markup(label: str, line: str) -> None:
    cues = list(srt.parse(subtitles(spans(label), "srt")))
    shown = line.replace("<", "‹").replace(">", "›").replace("{\\", "(\\")
    assert [cue.content for cue in cues] == [f"{shown} 90%", "last 80%"]


@pytest.mark.parametrize("label, line", WORDS.items(), ids=[repr(word) for word in WORDS])
def test_elan_and_praat_hold_the_label(label: str, line: str, tmp_path: Path) -> None:
    document = ElementTree.fromstring(elan(spans(label), media=f"/v/{label}.mp4"))
    assert [a.text for a in document.iter("ANNOTATION_VALUE")][0] == line
    descriptor = document.find("HEADER/MEDIA_DESCRIPTOR")
    assert descriptor is not None
    assert unquote(urlsplit(descriptor.get("MEDIA_URL", "")).path) == f"/v/{label}.mp4"
    (tmp_path / "a.TextGrid").write_bytes(textgrid(spans(label), duration_s=2.0))
    grid = parselmouth.read(str(tmp_path / "a.TextGrid"))
    assert parselmouth.praat.call(grid, "Get label of interval", 1, 1) == line


@pytest.mark.parametrize("text", ["=1+1", "+49", "-x", "@SUM(A1)", "\t=1", "\r=1", "=\n"])
def test_no_cell_is_a_formula(text: str) -> None:
    table = pa.table({"label": [text, "a=b", None], "score": [-1.0, 0.5, None]})
    rows = list(csv.reader(io.StringIO(csv_bytes(table).decode(), newline="")))
    assert rows == [["label", "score"], [f"'{text}", "-1"], ["a=b", "0.5"], ["", ""]]
    assert for_spreadsheets(table).schema == table.schema


@pytest.mark.parametrize("text", ["a\nb,c", "a,b\0", "a,b\x1b[1m", "a,c\u2028b"])
def test_a_label_set_has_printable_names(text: str) -> None:
    with pytest.raises(InputError, match="cannot be printed"):
        parse_labels(text)

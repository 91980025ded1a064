"""Great Expectations' own pages, made from results that were added up before."""

from __future__ import annotations

import re

import pytest

from emotion import storage
from emotion.validate.result import Result, ValidationReport
from emotion.validate.rules import no_note, present
from jobs.validating.data_docs import write_docs
from tests.helpers.tiny_dataset import clean, tables_of, write_dataset

SUITES = {
    "faces": present("score", "blur"),
    "identities": (no_note("note", "no two are one", severity="warning"),),
    "tracks": present("start_s"),
}
REPORT = ValidationReport(
    (
        Result("faces", "score is never null", False, 3, ("<b>none</b>",), 4000),
        Result("faces", "blur is never null", True, 0, (), 4000),
        Result("identities", "no two are one", False, 1, ("anna and carl",), 2, "warning"),
    )
)


def text_of(page: str) -> str:
    """The words of a page, without its scripts."""
    page = re.sub(r"<(script|style).*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_a_page_per_suite_tells_what_was_found(store: str) -> None:
    pages = write_docs(store, REPORT, suites=SUITES, title="acted")
    assert pages == {"faces": "faces.html", "identities": "identities.html"}
    faces = storage.read_bytes(storage.join(store, "faces.html")).decode()
    words = text_of(faces)
    assert "Evaluated Expectations 2 Successful Expectations 1" in words
    assert "score is never null" in words and "blur is never null" in words
    assert "3 unexpected values found. 0.075% of 4000 total rows." in words.replace("≈", "")
    assert "<b>none</b>" not in faces
    same = text_of(storage.read_bytes(storage.join(store, "identities.html")).decode())
    assert "no two are one" in same and "anna and carl" in same
    index = storage.read_bytes(storage.join(store, "index.html")).decode()
    assert 'href="faces.html"' in index and 'href="identities.html"' in index


def test_pages_link_only_to_what_is_there(store: str) -> None:
    """And a second time they are written over, not beside."""
    for _ in range(2):
        write_docs(store, REPORT, suites=SUITES, title="acted")
    names = {file.uri.removeprefix(store + "/") for file in storage.list_files(store)}
    pages = [name for name in names if name.endswith(".html")]
    assert sorted(pages) == ["faces.html", "identities.html", "index.html"]
    for page in pages:
        text = storage.read_bytes(storage.join(store, page)).decode()
        links = re.findall(r'(?:href|src)="([^"#][^"]*)"', text)
        inside = {link.removeprefix("./") for link in links if "://" not in link}
        assert inside - names == set()
        assert "amazonaws" not in text


@pytest.mark.parametrize("quality, links", [(0.9, 0), (3.0, 1)], ids=["valid", "not valid"])
def test_our_own_page_needs_nothing_from_elsewhere(store: str, quality: float, links: int) -> None:
    from jobs.validating.validate import validate

    rows = clean()
    rows["clips"][0]["quality"] = quality
    write_dataset(store, tables_of(rows))
    assert len(validate(store).failed) == links
    page = storage.read_bytes(storage.join(store, "validation/index.html")).decode()
    addresses = re.findall(r'(?:href|src)="([^"]*)"', page)
    assert "data_docs/clips.html" in addresses and len(addresses) == 15
    for address in addresses:
        assert storage.exists(storage.join(store, "validation", address))
    clips = storage.read_bytes(storage.join(store, "validation/data_docs/clips.html")).decode()
    assert f"Unsuccessful Expectations {links}" in text_of(clips)

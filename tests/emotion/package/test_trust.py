"""Warning, recall and domain that stand beside the answers of a model."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from emotion import storage
from emotion.corpora.importer import DOMAIN_OF
from emotion.package.domain import dataset_domain
from emotion.package.trust import (
    DOMAINS,
    MeasuredOn,
    Trust,
    note_of_scores,
    trust_note,
    warning_for,
)
from emotion.synth.corpus import DOMAIN

BARE = MeasuredOn("val of d", "clips", 9, "2026-11-28", 0.5, 0.4)
FER = MeasuredOn(
    "FER2013 test", "faces", 1200, "2026-11-27", 0.55, 0.47, {"happy": 0.8, "fear": 0.2}
)


@pytest.mark.parametrize(
    "domain, video_domain, warns",
    [
        ("drawn", "unknown", True),
        ("rendered", "acted", True),
        ("drawn, rendered", "in the wild", True),
        ("drawn", "drawn", False),
        ("rendered", "drawn", False),
        ("acted", "unknown", False),
        ("acted, drawn", "unknown", False),
        ("unknown", "unknown", False),
        ("my office", "in the wild", False),
    ],
)
def test_a_model_of_made_faces_warns_before_other_video(
    domain: str, video_domain: str, warns: bool
) -> None:
    text = warning_for(Trust(domain=domain), video_domain=video_domain)
    assert (text is not None) == warns
    if text is not None:
        assert f"trained on {domain} faces only" in text


def test_the_note_has_the_first_recall_and_the_margin_in_use() -> None:
    trust = Trust(domain="in the wild", margin=0.2, figures=(BARE, FER))
    note = trust_note(trust)
    assert (note.margin, note.warning, note.recall) == (0.2, None, FER.recall)
    assert note.lines() == [
        "the model's recall, measured on FER2013 test (1,200 faces): happy 80%, fear 20%"
    ]
    assert trust_note(trust, margin=0.0).margin == 0.0


def test_a_note_without_figures_has_no_lines() -> None:
    assert trust_note(Trust(figures=(BARE,))).lines() == []


def test_a_score_set_gives_its_note() -> None:
    trust = Trust(domain="drawn", figures=(FER,))
    config = {"trust": trust.to_json(), "margin": 0.3, "video_domain": "unknown"}
    note = note_of_scores(config)
    assert note == trust_note(trust, margin=0.3)
    assert note.lines()[0].startswith("warning: this model was trained on drawn faces only")
    assert note_of_scores(config | {"video_domain": "drawn"}).warning is None


def dataset(folder: Path, *parts: dict[str, list[str | None]]) -> str:
    for number, part in enumerate(parts):
        table = pa.table({name: pa.array(values, pa.string()) for name, values in part.items()})
        storage.write_table(str(folder / f"videos/part-{number}.parquet"), table)
    return str(folder)


@pytest.mark.parametrize(
    "parts, expected",
    [
        ([], "unknown"),
        ([{"uri": ["a"]}], "unknown"),
        ([{"domain": ["drawn", "drawn"]}, {"domain": ["drawn"]}], "drawn"),
        ([{"domain": ["drawn", "acted"]}, {"domain": ["acted"]}], "acted, drawn"),
        ([{"domain": ["drawn", None, ""]}], "unknown, drawn"),
    ],
    ids=["no videos", "no column", "one kind", "two kinds", "some without"],
)
def test_the_domain_of_a_dataset(
    parts: list[dict[str, list[str | None]]], expected: str, tmp_path: Path
) -> None:
    assert dataset_domain(dataset(tmp_path, *parts)) == expected


def test_corpora_state_known_domains() -> None:
    assert {*DOMAIN_OF.values(), DOMAIN} <= set(DOMAINS)
    assert (DOMAIN_OF["crema-d"], DOMAIN_OF["dfew"], DOMAIN) == ("acted", "in the wild", "drawn")

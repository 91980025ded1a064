"""An output folder is taken by one job with equal settings, or refused with one wording."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from emotion import storage
from emotion.errors import InputError
from emotion.extract.detect import spec_for
from jobs.ledger.output import claim, read_spec, settings_of

SETTINGS = {"epochs": 3, "labels": ("happy", "sad"), "workers": None}


def test_a_new_folder_is_taken_and_keeps_the_settings(store: str) -> None:
    claim(store, SETTINGS, job="jobs.train")
    stored = storage.read_json(f"{store}/config.json")
    assert {name: stored[name] for name in SETTINGS} == SETTINGS | {"labels": ["happy", "sad"]}
    claim(store, SETTINGS, job="jobs.train")
    assert storage.read_json(f"{store}/config.json") == stored


@pytest.mark.parametrize(
    "settings, job, message",
    [
        ({"epochs": 5}, "jobs.train", "was made with epochs 3, now 5; name a new --out"),
        (
            {"epochs": 5, "workers": "2"},
            "jobs.train",
            "was made with epochs 3, now 5, workers None, now '2'; name a new --out",
        ),
        ({"epochs": 5}, "jobs.tune", "was made with job 'jobs.train', now 'jobs.tune'; name a new"),
    ],
    ids=["one setting", "two settings", "another job"],
)
def test_other_settings_are_refused(
    tmp_path: Path, settings: dict[str, object], job: str, message: str
) -> None:
    claim(str(tmp_path), SETTINGS, job="jobs.train")
    with pytest.raises(InputError) as refused:
        claim(str(tmp_path), SETTINGS | settings, job=job)
    assert str(refused.value).startswith(f"--out {tmp_path} {message}")


def test_a_setting_that_may_change_is_stored_anew(tmp_path: Path) -> None:
    claim(str(tmp_path), SETTINGS, job="jobs.train")
    claim(str(tmp_path), SETTINGS | {"workers": "2"}, job="jobs.train", may_change=("workers",))
    assert storage.read_json(f"{tmp_path}/config.json")["workers"] == "2"


def test_every_option_counts_unless_it_is_named() -> None:
    @dataclass
    class Options:
        out: str = "o"
        fps: float = 8.0

    assert settings_of(Options(), ("out",)) == {"fps": 8.0}
    with pytest.raises(ValueError, match="Options has no option speed"):
        settings_of(Options(), ("out", "speed"))


def test_a_claim_that_was_killed_after_its_first_file_is_taken_up(store: str) -> None:
    spec = spec_for("dlib")
    storage.write_json(f"{store}/spec.json", spec.to_json())
    claim(store, SETTINGS, job="jobs.train", spec=spec)
    assert storage.read_json(f"{store}/config.json")["epochs"] == 3


def test_files_of_something_else_are_refused(store: str) -> None:
    storage.write_bytes(f"{store}/thesis.txt", b"mine")
    with pytest.raises(
        InputError, match="holds files but no config.json; name a new or empty --out"
    ):
        claim(store, SETTINGS, job="jobs.train")


def test_another_extraction_spec_is_refused(tmp_path: Path) -> None:
    spec = spec_for("dlib")
    claim(str(tmp_path), {}, job="jobs.score", spec=spec)
    assert read_spec(str(tmp_path)) == spec
    with pytest.raises(InputError, match=r"made with another extraction spec \(crop_px 112 and 96"):
        claim(str(tmp_path), {}, job="jobs.score", spec=spec_for("dlib", crop_px=96))


@pytest.mark.parametrize(
    "config, message",
    [
        ({}, "was made by an earlier version (schema 1, now 4); name a new --out"),
        ({"schema_version": 5}, "was made by another version (schema 5, now 4); name a new --out"),
    ],
    ids=["before versions", "a later one"],
)
def test_an_output_of_another_schema_is_refused(
    tmp_path: Path, config: dict[str, object], message: str
) -> None:
    storage.write_json(f"{tmp_path}/config.json", config)
    with pytest.raises(InputError) as refused:
        claim(str(tmp_path), SETTINGS, job="jobs.train")
    assert str(refused.value) == f"--out {tmp_path} {message}"

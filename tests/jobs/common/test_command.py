"""Command lines: renamed flags, absolute addresses, and errors of one line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from emotion.errors import InputError
from emotion.ranges import above, check_ranges
from jobs.build_dataset import main as build
from jobs.common.command import Address, one_line_errors, parse


@dataclass(frozen=True)
class Config:
    """Options of a small job.

    Attributes:
        videos: Folders of videos.
        out: Folder for the output.
        label: Any text.
        chunk_minutes: Length of a chunk.
    """

    videos: tuple[Address, ...]
    out: Address | None = None
    label: str = "here"
    chunk_minutes: float = 5.0

    def __post_init__(self) -> None:
        check_ranges(self, chunk_minutes=above(0))


@dataclass(frozen=True)
class Flags:
    """Options with a flag that takes no value.

    Attributes:
        dry_run: Print only.
        label: Any text.
    """

    dry_run: bool = False
    label: str = "here"


@pytest.mark.parametrize(
    "words",
    [["--segment-minutes", "5"], ["--segment-minutes=5"], ["--segment_minutes", "5"]],
    ids=["two words", "one word", "underscore"],
)
def test_a_renamed_flag_names_the_new_one(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match="^--segment-minutes is called --chunk-minutes now$"):
        parse(Config, ["--videos", "a", *words], verb="jobs.small", doc=None)
    assert build(["--videos", "a", "--labels", "b", "--out", "c", *words]) == 2
    error = capsys.readouterr().err
    assert error == "error: --segment-minutes is called --chunk-minutes now\n"


@pytest.mark.parametrize(
    "words, expected",
    [
        (["--dry-run"], (True, "here")),
        (["--dry-run", "True"], (True, "here")),
        (["--dry_run", "True", "--label", "True"], (True, "True")),
        (["--dry-run", "False"], (False, "here")),
        (["--label", "False"], (False, "False")),
    ],
)
def test_a_value_after_a_flag_without_value_is_read_too(
    words: list[str], expected: tuple[bool, str]
) -> None:
    config = parse(Flags, words, verb="jobs.small", doc=None)
    assert (config.dry_run, config.label) == expected


def test_addresses_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = ["--videos", "a", "s3://bucket/b/", "--label", "c"]
    config = parse(Config, given, verb="jobs.small", doc=None)
    assert config == Config(videos=(f"{tmp_path}/a", "s3://bucket/b"), label="c")


def test_a_value_out_of_its_range_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    @one_line_errors
    def main(argv: object = None) -> int:
        parse(Config, ["--videos", "a", "--chunk-minutes", "0"], verb="jobs.small", doc=None)
        return 0

    assert main() == 2
    assert capsys.readouterr().err == "error: --chunk-minutes must be above 0, got 0.0\n"


def test_a_bug_is_raised() -> None:
    @one_line_errors
    def main(argv: object = None) -> int:
        raise KeyError("a")

    with pytest.raises(KeyError):
        main()

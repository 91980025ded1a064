"""Corpora made of file names alone, and the tables that importers make of them."""

from __future__ import annotations

from pathlib import Path

from emotion.corpora.archive import Archive, open_archive
from emotion.corpora.importer import Imported, Options, import_corpus

Files = dict[str, str]


def named(*paths: str) -> Archive:
    """Return an archive of these names, whose files cannot be read."""
    return Archive("/none", tuple(sorted(paths)))


def videos(*names: str) -> Files:
    """Write empty files."""
    return dict.fromkeys(names, "")


def written(folder: Path, files: Files) -> Archive:
    """Write a folder of these files."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return open_archive(str(folder))


def imported(corpus: str, archive: Archive, **options: object) -> Imported:
    """Import an archive that holds its own lists; options as in ``Options``."""
    return import_corpus(corpus, archive, archive, Options(**options))  # type: ignore[arg-type]


def rows(found: Imported) -> list[tuple[str | None, ...]]:
    """Return uri, subject, label, split and fold of each row."""
    return [
        (clip.uri, clip.subject_id, label, split, clip.fold) for clip, label, split in found.rows
    ]


def whys(found: Imported) -> dict[str, str]:
    """Return the reason for each video, sound and list entry that was not used."""
    return {item.path: item.why for item in found.unused if item.why != "no_video"}

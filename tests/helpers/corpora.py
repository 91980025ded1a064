"""Corpora made of file names: archives without files, and folders of empty files."""

from __future__ import annotations

from pathlib import Path

from emotion.corpora.archive import Archive, open_archive
from emotion.corpora.importer import Imported, Options, import_corpus

Files = dict[str, str]


def named(*paths: str) -> Archive:
    """Return an archive of these names, without files."""
    return Archive("/none", tuple(sorted(paths)))


def videos(*names: str) -> Files:
    """Return empty files of these names."""
    return dict.fromkeys(names, "")


def written(folder: Path, files: Files) -> Archive:
    """Write a folder of these files."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return open_archive(str(folder))


def imported(corpus: str, archive: Archive, **options: object) -> Imported:
    """Import an archive that holds its own lists; the options are those of ``Options``."""
    return import_corpus(corpus, archive, archive, Options(**options))  # type: ignore[arg-type]


def rows(result: Imported) -> list[tuple[str | None, ...]]:
    """Return uri, subject, label, split and fold of each row."""
    return [
        (clip.uri, clip.subject_id, label, split, clip.fold) for clip, label, split in result.rows
    ]


def unused_reasons(result: Imported) -> dict[str, str]:
    """Return the reason for which each video, sound and entry of a list has no row."""
    return {item.path: item.reason for item in result.unused if item.reason != "no_video"}

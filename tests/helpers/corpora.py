"""Corpora made of names: archives that lie nowhere, folders of empty files, and what is found."""

from __future__ import annotations

from pathlib import Path

from emotion.corpora.archive import Archive, open_archive
from emotion.corpora.importer import Imported, Options, import_corpus

Files = dict[str, str]


def named(*paths: str) -> Archive:
    """An archive of these names: nothing but names can be read."""
    return Archive("/none", tuple(sorted(paths)))


def videos(*names: str) -> Files:
    """Empty files."""
    return dict.fromkeys(names, "")


def written(folder: Path, files: Files) -> Archive:
    """A folder of these files."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return open_archive(str(folder))


def imported(corpus: str, archive: Archive, **options: object) -> Imported:
    """The table of an archive that holds its own lists; options as ``Options`` has them."""
    return import_corpus(corpus, archive, archive, Options(**options))  # type: ignore[arg-type]


def rows(found: Imported) -> list[tuple[str | None, ...]]:
    """Uri, subject, label, split and fold of each row."""
    return [
        (clip.uri, clip.subject_id, label, split, clip.fold) for clip, label, split in found.rows
    ]


def whys(found: Imported) -> dict[str, str]:
    """Why each video, sound and entry of a list was not used."""
    return {item.path: item.why for item in found.unused if item.why != "no_video"}

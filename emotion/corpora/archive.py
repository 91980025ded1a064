"""A corpus in a folder or bucket: its listing, its list files, and the search for clips."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from emotion import storage
from emotion.corpora.table import Unused
from emotion.errors import InputError
from emotion.video.formats import SUFFIXES

AUDIO_SUFFIXES = (".wav", ".mp3", ".flac", ".m4a", ".aac", ".ogg")
SHOWN = 3


@dataclass(frozen=True)
class Archive:
    """The files below a folder.

    Attributes:
        root: address of the folder, absolute.
        paths: path of every file below it, relative to ``root``, sorted.
    """

    root: str
    paths: tuple[str, ...]

    @cached_property
    def videos(self) -> tuple[str, ...]:
        """The paths that have the ending of a video file."""
        return tuple(p for p in self.paths if is_video(p))

    @cached_property
    def path_set(self) -> frozenset[str]:
        """The paths as a set, for membership tests."""
        return frozenset(self.paths)

    @cached_property
    def by_stem(self) -> Mapping[str, tuple[str, ...]]:
        """The paths of the videos, by file name without folder and ending."""
        by_stem: dict[str, list[str]] = {}
        for path in self.videos:
            by_stem.setdefault(PurePosixPath(path).stem, []).append(path)
        return {stem: tuple(paths) for stem, paths in by_stem.items()}


def is_video(path: str) -> bool:
    """Return True if a path has the ending of a video file.

    >>> is_video("a/b.MP4"), is_video("a/b.wav")
    (True, False)
    """
    return path.lower().endswith(SUFFIXES)


def open_archive(root: str) -> Archive:
    """List a folder.

    Raises:
        InputError: if the folder does not exist or is empty.
    """
    root = storage.absolute(root)
    if not storage.is_folder(root):
        raise InputError(f"{root} is not a folder that can be read")
    paths = tuple(storage.relative_to(f.uri, root) for f in storage.list_files(root))
    if not paths:
        raise InputError(f"{root} holds no file")
    return Archive(root, paths)


def find_videos(archive: Archive, name: str) -> tuple[str, ...]:
    """Return the paths of the videos that end in ``name``, without regard to the file ending.

    Folder and file names are compared whole. The result is empty if there is none.

    >>> find_videos(Archive("/r", ("a/x/1.mp4", "b/x/1.avi", "b/y/1.mp4")), "x/1")
    ('a/x/1.mp4', 'b/x/1.avi')
    """
    tail = _without_ending(name) if is_video(name) else name
    candidates = archive.by_stem.get(PurePosixPath(tail).name, ())
    return tuple(p for p in candidates if f"/{_without_ending(p)}".endswith(f"/{tail}"))


def _without_ending(path: str) -> str:
    return path.rpartition(".")[0]


def non_videos(archive: Archive) -> list[Unused]:
    """Return the files that are not videos, with the reason audio_only or else no_video."""
    others = (p for p in archive.paths if not is_video(p))
    return [
        Unused(p, "audio_only" if p.lower().endswith(AUDIO_SUFFIXES) else "no_video")
        for p in others
    ]


def files_summary(archive: Archive) -> str:
    """Return text with counts and examples of the files, for an error message."""
    endings = Counter(PurePosixPath(p).suffix.lower() or "no ending" for p in archive.paths)
    counts = ", ".join(f"{count} {ending}" for ending, count in endings.most_common(SHOWN))
    some = (archive.videos or archive.paths)[:SHOWN]
    return f"found {counts}, such as {', '.join(some)}"


def read_text(archive: Archive, path: str) -> str:
    """Read a list file as text.

    Raises:
        InputError: if it is not UTF-8 text.
    """
    uri = storage.join(archive.root, path)
    try:
        return storage.read_bytes(uri).decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise InputError(f"{uri} is not UTF-8 text: {err}") from err


def read_columns(archive: Archive, path: str, *columns: str) -> Iterator[tuple[str, ...]]:
    """Yield the named columns of a CSV with a header, row by row, as stripped text.

    Raises:
        InputError: if the file is not UTF-8 text or a column is missing.
    """
    reader = csv.DictReader(io.StringIO(read_text(archive, path), newline=""))
    names = [name.strip() for name in reader.fieldnames or ()]
    missing = [name for name in columns if name not in names]
    if missing:
        raise InputError(
            f"{storage.join(archive.root, path)} lacks column {', '.join(missing)}; it has "
            f"{', '.join(names) or 'no header'}"
        )
    reader.fieldnames = names
    for row in reader:
        yield tuple((row[name] or "").strip() for name in columns)

"""Kinds of files that are no videos, by their first bytes, for messages."""

from __future__ import annotations

HEAD_BYTES = 16
"""Number of bytes at the beginning of a file that ``other_kind`` needs."""

_KINDS: tuple[tuple[bytes, int, str], ...] = (
    (b"\xff\xd8\xff", 0, "a JPEG picture"),
    (b"\x89PNG", 0, "a PNG picture"),
    (b"GIF8", 0, "a GIF picture"),
    (b"WEBP", 8, "a WebP picture"),
    (b"BM", 0, "a BMP picture"),
    (b"II*\0", 0, "a TIFF picture"),
    (b"MM\0*", 0, "a TIFF picture"),
    (b"ftypheic", 4, "a HEIF picture"),
    (b"ftypavif", 4, "an AVIF picture"),
    (b"%PDF", 0, "a PDF document"),
    (b"PK\x03\x04", 0, "a zip archive or an Office document"),
    (b"\x1f\x8b", 0, "a gzip archive"),
    (b"7z\xbc\xaf", 0, "a 7z archive"),
    (b"Rar!", 0, "a rar archive"),
    (b"ID3", 0, "an MP3 sound file"),
    (b"WAVE", 8, "a WAV sound file"),
    (b"fLaC", 0, "a FLAC sound file"),
    (b"nut/", 0, "a NUT file, a format that is not read"),
    (b"<!DOC", 0, "an HTML page"),
    (b"<html", 0, "an HTML page"),
)


def other_kind(head: bytes) -> str | None:
    """Return the kind of a file that is no video, such as "a GIF picture"; None if unknown.

    Args:
        head: the first ``HEAD_BYTES`` of the file, or fewer if it is shorter.

    >>> other_kind(b"GIF89a"), other_kind(b"RIFF0000WEBPVP8 "), other_kind(b"")
    ('a GIF picture', 'a WebP picture', None)
    """
    return next((kind for mark, at, kind in _KINDS if head[at:].startswith(mark)), None)

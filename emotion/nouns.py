"""Numbers with their nouns, for lines of text."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number and its noun, with commas between thousands.

    Args:
        number: 0 or more.
        noun: singular form.
        plural: plural form; None adds an s.

    >>> counted(1, "video"), counted(1200, "video"), counted(0, "person", "people")
    ('1 video', '1,200 videos', '0 people')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"

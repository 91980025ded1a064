"""Rendering of the HTML templates, and the filters that the templates use."""

from __future__ import annotations

import base64
import functools

import jinja2


def render(template: str, **values: object) -> str:
    """Fill a template of this package and return the HTML.

    Text is escaped.

    Raises:
        jinja2.UndefinedError: if a value that the template uses is missing.
    """
    return _environment().get_template(template).render(**values)


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("emotion.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": count, "percent": percent, "number": number, "hms": hms}
    environment.filters |= {"fixed": fixed}
    return environment


def name_of(uri: str) -> str:
    """Return the last part of an address, for a title.

    >>> name_of("s3://bucket/datasets/acted/")
    'acted'
    """
    return uri.rstrip("/").rsplit("/", 1)[-1]


def data_uri(data: bytes, *, mime: str) -> str:
    """Return a data: address that holds the bytes.

    >>> data_uri(b"abc", mime="image/png")
    'data:image/png;base64,YWJj'
    """
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def count(value: int | None) -> str:
    """Return a count with commas between thousands; a dash for None.

    >>> count(12345), count(None)
    ('12,345', '–')
    """
    return "–" if value is None else f"{value:,}"


def percent(share: float | None) -> str:
    """Return a share, 0 to 1, as a percentage; a dash for None.

    >>> percent(0.4567), percent(None)
    ('45.7%', '–')
    """
    return "–" if share is None else f"{share:.1%}"


def number(value: float | None) -> str:
    """Return a number with three significant digits, for an axis or a cell; a dash for None.

    From 100 on it is a whole number.

    >>> number(1234.5), number(0.12345), number(12.0), number(None)
    ('1,234', '0.123', '12', '–')
    """
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def fixed(value: float | None) -> str:
    """Return a figure from 0 to 1 with three decimal places, for a column; a dash for None.

    >>> fixed(0.39), fixed(None)
    ('0.390', '–')
    """
    return "–" if value is None else f"{value:.3f}"


def hms(seconds: float) -> str:
    """Return a duration as text in seconds, minutes or hours.

    >>> hms(7.25), hms(75), hms(36000)
    ('7.2 s', '1:15 min', '10:00 h')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = int(seconds) // 60
    if minutes < 60:
        return f"{minutes}:{int(seconds) % 60:02d} min"
    return f"{minutes // 60}:{minutes % 60:02d} h"

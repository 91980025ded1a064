"""Templates to HTML."""

from __future__ import annotations

import base64
import functools

import jinja2


def render(template: str, **values: object) -> str:
    """Fill a template of this package; text is escaped, a name that is not given is an error."""
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
    """The last part of an address, as a title.

    >>> name_of("s3://bucket/datasets/acted/")
    'acted'
    """
    return uri.rstrip("/").rsplit("/", 1)[-1]


def data_uri(data: bytes, *, mime: str) -> str:
    """Bytes as an address that carries them.

    >>> data_uri(b"abc", mime="image/png")
    'data:image/png;base64,YWJj'
    """
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def count(value: int | None) -> str:
    """A count with thousands separated; an unknown one as a dash.

    >>> count(12345), count(None)
    ('12,345', '–')
    """
    return "–" if value is None else f"{value:,}"


def percent(share: float | None) -> str:
    """A share of 1 as per cent; an unknown one as a dash.

    >>> percent(0.4567), percent(None)
    ('45.7%', '–')
    """
    return "–" if share is None else f"{share:.1%}"


def number(value: float | None) -> str:
    """Three digits of a number, for an axis or a cell; an unknown one as a dash.

    >>> number(1234.5), number(0.12345), number(12.0), number(None)
    ('1,234', '0.123', '12', '–')
    """
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def fixed(value: float | None) -> str:
    """Three places of a figure from 0 to 1, for a column; an unknown one as a dash.

    >>> fixed(0.39), fixed(None)
    ('0.390', '–')
    """
    return "–" if value is None else f"{value:.3f}"


def hms(seconds: float) -> str:
    """A length of time for a person.

    >>> hms(7.25), hms(75), hms(36000)
    ('7.2 s', '1:15 min', '10:00 h')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = int(seconds) // 60
    if minutes < 60:
        return f"{minutes}:{int(seconds) % 60:02d} min"
    return f"{minutes // 60}:{minutes % 60:02d} h"

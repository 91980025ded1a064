"""Addresses of files and folders, and the names of videos below a folder.

Three kinds of text, and the one function that reads each:

==============  ====================================================  ====================
address         ``/data/a.mp4``, ``file:///data/a.mp4``,              ``Address.parse``
                ``s3://bucket/key``
key             path of a listed file below its folder                ``join``
name            text in the column ``uri``: a key or an address       ``locate``
==============  ====================================================  ====================

Only the start of an address has a meaning: its scheme, and on S3 the bucket. Every later character
is literal. So ``::``, ``http://``, ``//``, ``?``, ``#`` and ``%`` in a key stay what they are.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from pathlib import Path

from emotion.errors import InputError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_HERE = "./"
"""Start of a name whose key could be read as an address, such as ``.//a.mp4``."""


@dataclass(frozen=True)
class Address:
    """Address of one file or folder, parsed once.

    Attributes:
        scheme: lower-case scheme, such as s3; empty for a path of this machine.
        path: path of this machine, or bucket and key; every character is literal.
    """

    scheme: str
    path: str

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read the text of an address.

        >>> Address.parse("s3://bucket/a/http://b?c#d::e.mp4")
        Address(scheme='s3', path='bucket/a/http://b?c#d::e.mp4')
        >>> Address.parse("file:///data/10::30.mp4")
        Address(scheme='', path='/data/10::30.mp4')
        """
        start = _SCHEME.match(text)
        if start is None:
            return cls("", text)
        scheme = start.group(1).lower()
        return cls("" if scheme == "file" else scheme, text[start.end() :])

    @property
    def is_local(self) -> bool:
        """True for a path of this machine."""
        return not self.scheme

    def __str__(self) -> str:
        return f"{self.scheme}://{self.path}" if self.scheme else self.path


def is_local(uri: str) -> bool:
    """Return True if ``uri`` is a path of this machine.

    >>> is_local("/data/a.mp4"), is_local("s3://bucket/a.mp4"), is_local("/data/http://a.mp4")
    (True, False, True)
    """
    return Address.parse(uri).is_local


def absolute(uri: str) -> str:
    """Return ``uri`` without a trailing slash, a local path as an absolute path.

    ``file://`` is removed, and ``~`` is replaced by the home folder. So all workers, which may
    have other current folders, get the same path.

    >>> absolute("s3://bucket/videos/")
    's3://bucket/videos'
    """
    address = Address.parse(uri)
    if not address.is_local:
        return str(address).rstrip("/")
    path = Path(address.path)
    try:
        return str(path.expanduser().absolute())
    except RuntimeError as err:
        raise InputError(f"{uri}: this user has no home folder; write the path without ~") from err


def join(uri: str, *keys: str) -> str:
    """Return the address of ``keys`` below ``uri``; the characters of a key are literal.

    >>> join("s3://bucket/a/", "b", "c.parquet"), join("s3://bucket/a", "/b", "http://c.mp4")
    ('s3://bucket/a/b/c.parquet', 's3://bucket/a//b/http://c.mp4')
    """
    for key in keys:
        uri = f"{uri.removesuffix('/')}/{key}"
    return uri


def relative_to(uri: str, root: str) -> str:
    """Return ``uri`` relative to ``root``, or ``uri`` itself if it is not below ``root``.

    >>> relative_to("/data/videos/a/b.mp4", "/data/videos"), relative_to("/x/b.mp4", "/data")
    ('a/b.mp4', '/x/b.mp4')
    """
    prefix = root.removesuffix("/") + "/"
    return uri.removeprefix(prefix)


def name_of_key(key: str) -> str:
    """Return the name of the file ``key`` of an archive, for the column ``uri``.

    The name is the key. A key that could be read as an address, or that begins with a space, which
    a label table would lose, gets ``./`` before it.

    >>> name_of_key("a/b.mp4"), name_of_key("/b.mp4"), name_of_key("http://host/b.mp4")
    ('a/b.mp4', './/b.mp4', './http://host/b.mp4')
    """
    odd = key.startswith(("/", _HERE)) or key[:1].isspace() or _SCHEME.match(key)
    return _HERE + key if odd else key


def locate(root: str, name: str) -> str:
    """Return the address of the video that is called ``name`` in the column ``uri``.

    Args:
        root: address of the archive.
        name: key of a file below ``root`` as ``name_of_key`` returns it, or the address of a file
            elsewhere.

    >>> locate("s3://b/v", "a.mp4"), locate("s3://b/v", ".//a.mp4"), locate("/v", "s3://b/a.mp4")
    ('s3://b/v/a.mp4', 's3://b/v//a.mp4', 's3://b/a.mp4')
    """
    if name.startswith(_HERE):
        return join(root, name.removeprefix(_HERE))
    if name.startswith("/") or _SCHEME.match(name):
        return str(Address.parse(name))
    return join(root, name)


def name_below(root: str, text: str) -> str:
    """Return the name of the video that a person wrote as ``text``, such as in a label table.

    All spellings of a file have the same name: ``a.mp4``, ``./a.mp4``, and below ``root`` also
    ``file://`` or the full address. A file elsewhere has its address as its name.

    Args:
        root: address of the archive; of a local folder the absolute path.
        text: a path below ``root``, or an address.

    >>> [name_below("/v", text) for text in ("./a.mp4", "b//a.mp4", "file:///v/a.mp4", "/x/a.mp4")]
    ['a.mp4', 'b/a.mp4', 'a.mp4', '/x/a.mp4']
    >>> name_below("s3://b/v", "s3://b/v//a.mp4")
    './/a.mp4'
    """
    uri = _without_dots(locate(root, text))
    key = relative_to(uri, _without_dots(root))
    return uri if key == uri else name_of_key(key)


def _without_dots(uri: str) -> str:
    """Return a local path without ``.`` and empty parts; ``..`` stays, since folders may be links.

    >>> _without_dots("/v/./a//../b.mp4"), _without_dots("s3://b/./a.mp4")
    ('/v/a/../b.mp4', 's3://b/./a.mp4')
    """
    if not is_local(uri):
        return uri
    parts = [part for part in uri.split("/") if part not in ("", ".")]
    return posixpath.join("/" if uri.startswith("/") else "", *parts)

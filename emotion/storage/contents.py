"""Contents of objects: JSON, and the SHA-256 of any bytes."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from emotion.errors import InputError
from emotion.storage.objects import open_input, read_bytes, write_bytes


def write_json(uri: str, value: object) -> None:
    """Write ``value`` as indented JSON with sorted keys.

    Raises:
        ValueError: if it holds NaN or infinity.
    """
    write_bytes(uri, json_bytes(value))


def json_bytes(value: object) -> bytes:
    """Return the text that ``write_json`` writes.

    >>> json_bytes({"b": 1, "a": 2})
    b'{\\n "a": 2,\\n "b": 1\\n}\\n'
    """
    return (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def read_json(uri: str) -> Any:
    """Read a JSON object.

    Raises:
        FileNotFoundError: if there is none.
        InputError: if it is not JSON.
    """
    try:
        return json.loads(read_bytes(uri))
    except ValueError as err:
        raise InputError(f"{uri} is not JSON: {err}") from err


def sha256(uri: str) -> str:
    """Return the hex SHA-256 of an object's bytes, read block by block.

    Raises:
        FileNotFoundError: if there is no such object.
    """
    digest = hashlib.sha256()
    with open_input(uri) as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()

"""Reading and writing of JSON, and the SHA-256 of an object."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from emotion.errors import InputError
from emotion.storage.objects import open_input, read_bytes, write_bytes


def write_json(uri: str, value: object) -> None:
    """Write ``value`` as indented JSON with sorted keys, in one step.

    Raises:
        ValueError: if it holds NaN or infinity.
    """
    write_bytes(uri, json_bytes(value))


def json_bytes(value: object) -> bytes:
    """Return ``value`` as indented JSON with sorted keys and a newline at the end.

    Raises:
        ValueError: if it holds NaN or infinity.

    >>> json_bytes({"b": 1, "a": 2})
    b'{\\n "a": 2,\\n "b": 1\\n}\\n'
    """
    return (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def read_json(uri: str) -> Any:
    """Read a JSON file and return its value.

    Raises:
        FileNotFoundError: if the file does not exist.
        InputError: if it is not JSON.
    """
    try:
        return json.loads(read_bytes(uri))
    except ValueError as err:
        raise InputError(f"{uri} is not JSON: {err}") from err


def sha256(uri: str) -> str:
    """Return the hex SHA-256 of an object's bytes, read in blocks of 1 MiB.

    Raises:
        FileNotFoundError: if there is no such object.
    """
    digest = hashlib.sha256()
    with open_input(uri) as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()

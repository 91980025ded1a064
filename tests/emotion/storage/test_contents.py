"""Contents of objects: JSON, in a local folder and on S3 (moto)."""

from __future__ import annotations

import pytest

from emotion import storage
from emotion.errors import InputError


def test_json_is_strict(store: str) -> None:
    uri = storage.join(store, "a.json")
    storage.write_json(uri, {"b": [1, None], "a": [None, "ü"]})
    assert storage.read_json(uri) == {"a": [None, "ü"], "b": [1, None]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        storage.write_json(uri, {"a": float("nan")})
    storage.write_bytes(uri, b"{")
    with pytest.raises(InputError, match=r"a\.json is not JSON"):
        storage.read_json(uri)

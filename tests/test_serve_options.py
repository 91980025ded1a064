"""What `python -m serve` is told, and what it says of what is wrong."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from emotion.errors import InputError
from serve.__main__ import main
from serve.options import options_from
from tests.ports import free_port


def test_a_wrong_package_and_a_taken_port_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--package", str(tmp_path), "--port", str(port)]) == 2
    told = f"error: cannot listen on 127.0.0.1:{port}: Address already in use; name another --port"
    assert capsys.readouterr().err == told + "\n"
    assert main(["--package", str(tmp_path), "--port", str(free_port())]) == 2
    assert capsys.readouterr().err.startswith(f"error: package {tmp_path} has no model.json")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "package: Field required; give package=... or set VIDEO_EMOTION_PACKAGE"),
        ({"package": "p", "max_mb": "-1"}, "max_mb: Input should be greater than 0"),
        ({"package": "p", "colour": "red"}, "colour: Extra inputs are not permitted"),
    ],
)
def test_a_bad_setting_is_named(values: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        options_from(values, {})

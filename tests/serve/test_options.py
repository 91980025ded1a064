"""Settings of ``python -m serve`` and of the container, and the messages about wrong ones."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest
from pydantic import ValidationError

from emotion.errors import InputError
from serve.__main__ import main
from serve.options import options_from
from serve.sagemaker import Settings
from tests.helpers.ports import free_port


def test_a_wrong_package_and_a_taken_port_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--package", str(tmp_path), "--port", str(port)]) == 2
    line = f"error: cannot listen on 127.0.0.1:{port}: Address already in use; name another --port"
    assert capsys.readouterr().err == line + "\n"
    assert main(["--package", str(tmp_path), "--port", str(free_port())]) == 2
    assert capsys.readouterr().err.startswith(f"error: package {tmp_path} has no model.json")


def test_several_packages_after_one_flag_or_between_commas(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert options_from({"package": "a,s3://b/c"}, {}).package == ("a", "s3://b/c")
    assert options_from({"package": "a"}, {}).package == "a"
    names = [str(tmp_path / "a"), str(tmp_path / "b")]
    assert main(["--package", *names, "--port", str(free_port())]) == 2
    assert capsys.readouterr().err.startswith(f"error: package {names[0]} does not exist")


def test_an_engine_without_its_model_is_one_line(
    package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["--package", str(package), "--engine", "onnx", "--port", str(free_port())]
    assert main(argv) == 2
    assert capsys.readouterr().err == (
        f"error: package {package} has no model.onnx, which engine onnx needs; "
        "run jobs.export_onnx\n"
    )


def test_the_container_takes_its_engine_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("VIDEO_EMOTION_ENGINE", raising=False)
    assert Settings().engine == "torch"
    monkeypatch.setenv("VIDEO_EMOTION_ENGINE", "onnx")
    assert Settings().engine == "onnx"
    monkeypatch.setenv("VIDEO_EMOTION_ENGINE", "tensorrt")
    with pytest.raises(ValidationError, match="'torch' or 'onnx'"):
        Settings()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"package": "p", "max_mb": "-1"}, "max_mb: Input should be greater than 0"),
        ({"package": "p", "engine": "tensorrt"}, "engine: Input should be 'torch' or 'onnx'"),
        ({"package": "p", "colour": "red"}, "colour: Extra inputs are not permitted"),
    ],
)
def test_a_bad_setting_is_named(values: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        options_from(values, {})

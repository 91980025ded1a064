"""onnxruntime writes no id into the user's home folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.onnx_files import node, onnx_model
from tests.helpers.paths import ROOT

CODE = """
import sys
import numpy as np
from pathlib import Path
from emotion.extract.inference import open_session
session = open_session(Path(sys.argv[1]).read_bytes())
print(session.run(None, {"x": np.full((1, 3, 6, 6), -2, np.float32)})[0].max())
"""


@pytest.mark.large
def test_no_device_id_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(onnx_model([node("Relu", "x", "y")]).SerializeToString())
    (tmp_path / "home").mkdir()
    env = {k: v for k, v in os.environ.items() if not k.startswith(("ORT_", "XDG_"))}
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path / "a.onnx")],
        cwd=ROOT, env=env | {"HOME": str(tmp_path / "home")}, capture_output=True, text=True,
        timeout=120, check=True,
    )  # fmt: skip
    assert done.stdout == "0.0\n"
    assert list((tmp_path / "home").rglob("*")) == []

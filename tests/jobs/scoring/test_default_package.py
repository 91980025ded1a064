"""jobs.score without --package: a copy of the default model in the score set, and its resume."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emotion import weights
from emotion.errors import InputError
from jobs.score import main

pytestmark = pytest.mark.large


@pytest.fixture
def fallback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use an empty cache and no download, so that mini-XCEPTION with dlib is the default."""
    try:
        weights.load_mini_xception()
    except InputError as err:
        pytest.skip(str(err))
    for name in ("PACKAGE", "YUNET", "MOBILEFACENET"):
        monkeypatch.delenv(f"VIDEO_EMOTION_{name}", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("VIDEO_EMOTION_OFFLINE", "1")
    return tmp_path / "cache" / "video-emotion" / "packages"


def test_the_score_set_keeps_the_package(
    corpus: Path,
    package: Path,
    fallback: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "scores"
    command = ["--videos", str(corpus / "videos/s0"), "--out", str(out)]
    assert main(command) == 0
    assert "model: mini-XCEPTION for facial expressions" in capsys.readouterr().out
    facts = json.loads((out / "config.json").read_text())
    kept = json.loads((out / "package" / "model.json").read_text())
    assert kept["model_id"] == facts["model_id"]
    assert kept["trust"]["source"]["licence"] == "MIT"
    # Without the cache a second run uses the copy.
    monkeypatch.setenv("VIDEO_EMOTION_MINI_XCEPTION", str(tmp_path / "none"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    assert main(command) == 0
    assert "is complete: nothing to do" in capsys.readouterr().out
    # Another default package is refused, as any other package is.
    monkeypatch.setenv("VIDEO_EMOTION_PACKAGE", str(package))
    assert main(command) == 2
    message = capsys.readouterr().err
    assert f"--out {out} was made with" in message
    assert message.count("\n") == 1

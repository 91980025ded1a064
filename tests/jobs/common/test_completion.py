"""Completion of the command in bash, by a real bash."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from jobs.common import console
from jobs.common.completion import CONFIGS

CASES = {
    "a verb": (["tr"], ["train"]),
    "a flag": (["train", "--rec"], ["--recipe"]),
    "a choice": (["train", "--recipe", ""], ["scratch", "finetune"]),
    "a verb of sagemaker": (["sagemaker", "de"], ["deploy"]),
    "a flag of the endpoint": (["serve", "--por"], ["--port"]),
    "no such flag": (["score", "--por"], []),
}


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bash") / "completion.bash"
    with pytest.MonkeyPatch.context() as patch, path.open("w") as file:
        patch.setattr("sys.stdout", file)
        assert console.main(["completion", "bash"]) == 0
    return path


@pytest.mark.parametrize("words, proposals", CASES.values(), ids=CASES)
def test_bash_proposes(script: Path, words: list[str], proposals: list[str]) -> None:
    typed = " ".join(f"'{word}'" for word in ["video-emotion", *words])
    lines = [
        f"source {script}",
        f"COMP_WORDS=({typed}); COMP_CWORD={len(words)}",
        "$(complete -p video-emotion | sed 's/.*-F \\([^ ]*\\).*/\\1/')",
        "printf '%s\\n' \"${COMPREPLY[@]}\"",
    ]
    run = subprocess.run(
        ["bash", "-c", "\n".join(lines)], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == proposals


def test_every_verb_is_completed() -> None:
    assert CONFIGS.keys() == console.JOBS.keys() | {"serve"}


def test_zsh_has_a_script_and_other_shells_have_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert console.main(["completion", "zsh"]) == 0
    assert capsys.readouterr().out.startswith("#compdef video-emotion")
    assert console.main(["completion", "fish"]) == 2
    assert capsys.readouterr().err == "error: video-emotion completion takes one of bash, zsh\n"

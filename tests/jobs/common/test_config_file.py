"""Flags from a YAML file."""

from __future__ import annotations

from pathlib import Path

import pytest

from emotion.errors import InputError
from jobs.common.command import parse
from jobs.common.config_file import with_config_files
from jobs.predicting.options import Config as PredictConfig
from jobs.training.options import Config

FILE = """\
# a comment
dataset: /data/set
out: s3://bucket/run
recipe: finetune
batch-size: 8
lr: 1e-3
compile: true
augment: {flip: 0.5, blur: 0}
model_args: [hidden=64, features=both]
mlflow_uri:
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "train.yaml"
    path.write_text(FILE)
    return str(path)


def read(*words: str) -> Config:
    return parse(Config, words, verb="jobs.train", doc=None)


def test_flags_of_a_file_and_of_the_command_line(file: str) -> None:
    config = read("--config", file, "--batch-size", "4", "--augment", "blur=0.2")
    assert (config.dataset, config.out, config.lr) == ("/data/set", "s3://bucket/run", 1e-3)
    assert (config.batch_size, config.augment) == (4, ("blur=0.2",))
    assert config.compile and config.mlflow_uri is None
    assert config.model_args == ("hidden=64", "features=both")
    assert (config.model, config.epochs) == ("cnn_gru", 30)  # the recipe's defaults
    assert read(f"--config={file}").augment == ("flip=0.5", "blur=0")


def test_the_later_of_two_files_counts(file: str, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("lr: 0.5\ncompile: false\n")
    config = read("--config", file, "--config", str(other))
    assert (config.lr, config.compile, config.batch_size) == (0.5, False, 8)


def test_a_subcommand_stays_in_front(file: str) -> None:
    words = with_config_files(["deploy", "--config", file, "--lr=1"])
    assert words[:3] == ["deploy", "--dataset", "/data/set"]
    assert words[-1] == "--lr=1" and "--lr" not in words


@pytest.mark.parametrize(
    "text, error",
    [
        (None, "no.yaml does not exist"),
        ("a: [1", "is not YAML: while parsing a flow sequence"),
        ("- a", "must hold a flag and its value per line"),
        ("", "must hold a flag and its value per line"),
        ("augment: {flip: {a: 1}}", "augment must be one value, a list of values, or NAME: VALUE"),
        ("epochs: [[1]]", "epochs must be one value, a list of values, or NAME: VALUE pairs"),
    ],
    ids=["missing", "broken", "a list", "empty", "too deep", "list of lists"],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, text: str | None, error: str) -> None:
    path = tmp_path / "no.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match="--config .*no.yaml") as refused:
        read("--config", str(path))
    assert error in str(refused.value)


def test_a_flag_that_no_job_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "typo.yaml"
    path.write_text("dataset: a\nout: b\nepohcs: 3\n")
    with pytest.raises(SystemExit):
        read("--config", str(path))
    assert "--epohcs" in capsys.readouterr().err


def test_config_without_a_file() -> None:
    with pytest.raises(InputError, match="--config needs a YAML file"):
        read("--dataset", "a", "--config")


@pytest.mark.parametrize("text, value", [("true", True), ("false", False), ("True", True)])
def test_a_flag_without_a_value(tmp_path: Path, text: str, value: bool) -> None:
    path = tmp_path / "predict.yaml"
    path.write_text(f"quiet: {text}\n")
    config = parse(PredictConfig, ["a.mp4", "--config", str(path)], verb="jobs.predict", doc=None)
    assert config.quiet is value

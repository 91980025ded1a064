"""Flags as text: what is refused, and flags without a value."""

import pytest

from emotion.errors import InputError
from jobs.common.flags import field_names, flag_words, pairs, parse_bool, split_flags
from jobs.training.options import Config
from jobs.tuning.space import base_config, command_of


@pytest.mark.parametrize(
    "text, says",
    [
        ("--out=x", "--train may not hold --out: each fold has its own"),
        ("--lr 1 --address a --dataset d", "--train may not hold --address, --dataset: each fold"),
        ("--epochs '2", "cannot be read as flags"),
    ],
    ids=["one", "two", "open quote"],
)
def test_flags_that_are_refused(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        split_flags(text, reserved=("dataset", "out", "address"), owner="fold")


def test_a_pair_needs_an_equals_sign() -> None:
    assert pairs([], flag="augment") == {}
    with pytest.raises(InputError, match="--augment 'blur' must be NAME=VALUE"):
        pairs(["blur"], flag="augment")


@pytest.mark.parametrize(
    "values, words",
    [
        ({}, []),
        ({"compile": "true"}, ["--compile"]),
        ({"compile": False}, ["--no-compile"]),
        ({"channels_last": "None"}, ["--channels-last", "None"]),
        ({"channels_last": "false"}, ["--channels-last", "False"]),
        ({"model_args": "width=4 hidden=8"}, ["--model-args", "width=4", "hidden=8"]),
        ({"augment": ("blur=0.5",)}, ["--augment", "blur=0.5"]),
        ({"workers": "2-8"}, ["--workers", "2-8"]),
    ],
    ids=["none", "true", "false", "none of three", "false of three", "words", "tuple", "text"],
)
def test_values_as_flags(values: dict[str, object], words: list[str]) -> None:
    assert flag_words(Config, values) == words
    assert field_names(words) == set(values)


def test_a_truth_value_is_true_or_false() -> None:
    with pytest.raises(InputError, match="compile is 'maybe'; it must be true or false"):
        parse_bool("compile", "maybe")


def test_the_command_of_a_trial_is_read_back() -> None:
    flags = "--compile --channels-last False --model-args width=4 hidden=8 --augment blur=0.5"
    config = base_config(flags, dataset="/d")
    assert base_config(command_of(config), dataset="/d") == config

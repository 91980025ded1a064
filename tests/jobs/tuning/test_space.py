"""Search space: its texts, its allowed names, and the flags of its points."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emotion.errors import InputError
from emotion.train.search_space import Dimension, parse_space
from emotion.train.search_trial import Value
from jobs.training.input import TrainInput
from jobs.training.options import Config
from jobs.tuning.space import (
    FIXED,
    base_config,
    check_space,
    command_of,
    read_space,
    trial_config,
    tunable,
    unused,
)
from tests.helpers.drawn_dataset import LABELS
from tests.helpers.small_package import SPEC

COUNTS = ((7, 7, 7), (3, 3, 3), 21, 9, 7, 3, (1, 1, 1), 1)
DATA = TrainInput("d", SPEC, LABELS, "0123", *COUNTS, split_by="seed")


@pytest.mark.parametrize(
    "text, expected",
    [
        ("lr=log:1e-4:1e-2", Dimension("lr", "log", 1e-4, 1e-2)),
        ("mixup=uniform:0:0.4", Dimension("mixup", "uniform", 0.0, 0.4)),
        ("epochs=int:20:60", Dimension("epochs", "int", 20.0, 60.0)),
        ("batch-size=choice:8, 16", Dimension("batch_size", "choice", choices=("8", "16"))),
        (" --lr = uniform:1:2", Dimension("lr", "uniform", 1.0, 2.0)),
        ("augment.rotate_deg=uniform:0:20", Dimension("augment.rotate_deg", "uniform", 0.0, 20.0)),
        (
            "pretrained=choice:none,s3://b/p",
            Dimension("pretrained", "choice", choices=("none", "s3://b/p")),
        ),
    ],
    ids=["log", "uniform", "int", "choice", "as a flag", "augment", "colons in a choice"],
)
def test_a_dimension_is_read(text: str, expected: Dimension) -> None:
    assert parse_space([text]) == (expected,)


@pytest.mark.parametrize(
    "texts, says",
    [
        ([], "--space is empty"),
        (["lr"], "'lr' must be NAME=FORM with a form of uniform:LOW:HIGH"),
        (["=log:1:2"], "must be NAME=FORM"),
        (["lr=loguniform:1:2"], "must be NAME=FORM"),
        (["lr=log:1e-4"], "must have two numbers, as in uniform:0:0.4"),
        (["lr=log:a:b"], "must have two numbers"),
        (["lr=log:1:2:3"], "must have two numbers"),
        (["lr=log:0:1"], "the ends of log must be more than 0"),
        (["lr=uniform:2:1"], "the first number must be less than the second"),
        (["lr=uniform:0:inf"], "the first number must be less"),
        (["epochs=int:1.5:3"], "the ends of int must be whole numbers"),
        (["model=choice:r3d_lite"], "choice needs two or more different values"),
        (["model=choice:a,a"], "two or more different values"),
        (["model=choice:a,,b"], "two or more different values"),
        (["lr=log:1:2", "lr=log:1:3"], "--space names lr 2 times"),
        (["batch-size=int:1:2", "batch_size=int:1:3"], "--space names batch_size 2 times"),
    ],
)
def test_a_space_that_cannot_be_read(texts: list[str], says: str) -> None:
    with pytest.raises(InputError, match=says.replace("(", r"\(")):
        parse_space(texts)


def test_every_flag_can_be_varied_or_is_fixed() -> None:
    assert tunable()["lr"] is float
    assert tunable()["batch_size"] is int
    assert (tunable()["loss"], tunable()["compile"]) == (str, bool)
    assert not set(FIXED) & set(tunable())
    assert set(FIXED) | set(tunable()) == set(Config.__dataclass_fields__)


@pytest.mark.parametrize(
    "texts, says",
    [
        (["lrr=log:1:2"], "cannot vary 'lrr'; it must be augment.NAME, model_args.NAME or one of "),
        (["dataset=choice:a,b"], "cannot vary 'dataset'"),
        (["augment=choice:a,b"], "cannot vary 'augment'"),
        (["augment.rot=uniform:0:1"], "augment.rot: augment knows blur, brightness"),
        (["model_args.depth=int:1:2"], "model_args.depth: r3d_lite takes dropout"),
        (["batch_size=uniform:8:16"], "batch_size is a whole number; it must be int:LOW:HIGH or"),
        (["batch_size=choice:8,many"], "batch_size: choice 'many' must be a whole number"),
        (["lr=choice:0.1,much"], "lr: choice 'much' must be a number"),
        (["compile=choice:true,maybe"], "choice 'maybe' must be true or false"),
        (["model=uniform:0:1"], "model has no range; it must be choice:A,B"),
        (["model=choice:r3d_lite,r3d"], "model=r3d: model 'r3d' is unknown; take one of"),
        (["loss=choice:focal,mse"], "loss: choice 'mse' must be one of cross_entropy, focal"),
        (["batch_size=int:1:8"], "batch_size=1: --batch-size must be at least 2, got 1"),
        (["warmup=uniform:0:1"], "warmup=1.0: --warmup must be at least 0 and below 1, got 1.0"),
        (["epochs=int:2:9"], "epochs is in --space and in --train; leave one out"),
    ],
)
def test_a_space_that_cannot_be_searched(texts: list[str], says: str) -> None:
    flags = "--epochs 3"
    base = base_config(flags, dataset="d")
    with pytest.raises(InputError, match=says):
        check_space(parse_space(texts), base, DATA, flags=flags)


def test_a_space_that_can() -> None:
    space = parse_space(
        [
            "lr=log:1e-4:1e-2",
            "batch_size=choice:8,16,32",
            "epochs=int:2:6",
            "model=choice:r3d_lite,cnn_gru",
            "model_args.hidden=choice:16,24",
            "augment.rotate_deg=uniform:0:20",
        ]
    )
    check_space(space, base_config("--mixup 0.1", dataset="d"), DATA, flags="--mixup 0.1")


def test_values_become_a_training() -> None:
    base = base_config(
        "--epochs 9 --augment blur=0.5 rotate_deg=3 --model-args dropout=0.1", dataset="/d"
    )
    chosen: dict[str, Value] = {
        "lr": 0.004,
        "augment.rotate_deg": 7.5,
        "model_args.width": 24,
        "model_args.hidden": 64,
    }
    config = trial_config(base, chosen, out="o")
    assert (config.dataset, config.out, config.epochs, config.lr) == ("/d", "o", 9, 0.004)
    assert (config.full_recipe().augment.rotate_deg, config.full_recipe().augment.blur) == (
        7.5,
        0.5,
    )
    assert config.model_args == ("dropout=0.1", "width=24")
    assert unused(base, chosen) == ("model_args.hidden",)
    assert unused(base, chosen | {"model": "cnn_gru"}) == ()
    assert command_of(config) == (
        "--model-args dropout=0.1 width=24 --epochs 9 --lr 0.004 "
        "--augment blur=0.5 rotate_deg=3 rotate_deg=7.5"
    )


@pytest.mark.parametrize(
    "flags, says",
    [
        ("--dataset x", "--train may not hold --dataset: each trial has its own"),
        ("--out=x --address=y", "--train may not hold --address, --out"),
        ("--epochs '2", "cannot be read as flags"),
        ("--epochs 0", "--epochs must be at least 1, got 0"),
    ],
)
def test_flags_that_cannot_be(flags: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        base_config(flags, dataset="d")


def test_a_space_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "space.json"
    path.write_text(json.dumps({"lr": "log:1e-4:1e-2", "batch-size": "choice:8,16"}))
    assert [dimension.name for dimension in read_space([str(path)])] == ["lr", "batch_size"]
    path.write_text("[]")
    with pytest.raises(InputError, match="must hold an object such as"):
        read_space([str(path)])
    with pytest.raises(InputError, match=r"none\.json does not exist"):
        read_space([str(tmp_path / "none.json")])

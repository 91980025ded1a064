"""Recipe and its flags: names and defaults, each written once."""

import dataclasses
import subprocess
import sys

import pytest

from emotion.train.recipe import RECIPES, Augment, Recipe, RecipeFlags, recipe_of
from jobs.common.command import parse
from jobs.training.options import Config
from tests.helpers.paths import ROOT

FLAGS = {
    "epochs": 60,
    "lr": 2e-3,
    "weight_decay": 0.05,
    "warmup": 0.08,
    "label_smoothing": 0.05,
    "max_grad_norm": 2.0,
    "accumulate": 1,
    "ema_decay": 0.0,
    "mixup": 0.0,
    "cutmix": 0.0,
    "loss": "cross_entropy",
    "focal_gamma": 2.0,
    "balance": "weights",
    "backbone_lr": 1.0,
    "freeze_epochs": 0,
    "train_backbone": "all",
    "views": 4,
    "patience": 0,
    "precision": "auto",
    "channels_last": None,
    "compile": False,
}


def defaults_of(kind: type[RecipeFlags]) -> dict[str, object]:
    return {field.name: field.default for field in dataclasses.fields(kind)}


def test_the_flags_of_a_recipe_and_their_defaults() -> None:
    assert defaults_of(RecipeFlags) == FLAGS


def test_jobs_train_has_these_flags_and_writes_none_of_them_again() -> None:
    assert defaults_of(Config).items() >= FLAGS.items()
    assert set(FLAGS).isdisjoint(vars(Config)["__annotations__"])
    assert set(vars(Recipe)["__annotations__"]) == {"augment"}


def test_config_json_is_flat() -> None:
    """A run of an earlier release is resumed: its config.json has these keys."""
    stored = dataclasses.asdict(Config("d", "o", augment=("blur=0.5",)))
    assert stored.keys() >= FLAGS.keys() | {"dataset", "out", "model", "model_args", "batch_size"}
    assert stored["augment"] == ("blur=0.5",)
    assert not any(isinstance(value, dict) for value in stored.values())


def test_a_recipe_takes_every_flag() -> None:
    changed = {"epochs": 3, "lr": 0.5, "loss": "focal", "channels_last": False, "compile": True}
    config = Config("d", "o", **changed, augment=("flip=0",))  # type: ignore[arg-type]
    recipe = config.full_recipe()
    assert {name: getattr(recipe, name) for name in FLAGS} == FLAGS | changed
    assert recipe.augment == Augment(flip=0.0)
    assert recipe == recipe_of(config, Augment(flip=0.0))


def test_options_need_no_torch() -> None:
    program = (
        "import sys, jobs.training.options, jobs.tuning.options, emotion.train.recipe\n"
        "print(sorted({'torch', 'ray', 'cv2', 'optuna'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "[]", done.stderr


def train_config(*words: str) -> Config:
    given = ["--dataset", "/d", "--out", "/o", *words]
    return parse(Config, given, verb="jobs.train", doc=None)


def test_a_named_recipe_gives_other_defaults() -> None:
    plain, tuned = train_config(), train_config("--recipe", "finetune")
    assert (plain.recipe, plain.epochs, plain.freeze_epochs, plain.backbone_lr) == (
        "scratch", 60, 0, 1.0
    )  # fmt: skip
    assert {k: getattr(tuned, k) for k in RECIPES["finetune"]} == RECIPES["finetune"]
    assert tuned.freeze_epochs > 0 and tuned.backbone_lr < 1
    assert (tuned.dataset, tuned.batch_size) == ("/d", plain.batch_size)
    assert (plain.model, plain.pretrained) == ("r3d_lite", "none")
    assert (tuned.model, tuned.pretrained) == ("cnn_gru", "default")
    other = train_config("--recipe", "finetune", "--model", "r3d_18", "--pretrained", "a.pth")
    assert (other.model, other.pretrained) == ("r3d_18", "a.pth")


def test_a_flag_replaces_one_value_of_a_named_recipe() -> None:
    tuned = train_config("--epochs", "60", "--recipe=finetune")
    assert (tuned.epochs, tuned.freeze_epochs) == (60, RECIPES["finetune"]["freeze_epochs"])


def test_an_unknown_recipe_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        train_config("--recipe", "magic")
    assert "finetune" in capsys.readouterr().err

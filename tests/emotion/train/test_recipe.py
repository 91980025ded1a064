"""Recipe and its flags: names and defaults, each written once."""

import dataclasses
import subprocess
import sys

from emotion.train.recipe import Augment, Recipe, RecipeFlags, recipe_of
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
    recipe = config.recipe()
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

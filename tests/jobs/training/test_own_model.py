"""docs/training.md, "Your own model", in a folder of its own; packages name allowed code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from emotion.errors import InputError, PackageError
from emotion.models import own
from emotion.models.own import ALLOWED, check_answers, find_class
from emotion.models.registry import build_model, import_path, model_args
from emotion.package.model_package import load_package
from jobs.common.faults import expected_line
from tests.helpers.drawn_dataset import RECIPE, write_dataset
from tests.helpers.paths import ROOT

NAME = "my_models.nets:RowMeans"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's folder with the module of the documentation, and a dataset."""
    home = tmp_path_factory.mktemp("home")
    text = (ROOT / "docs/training.md").read_text().partition("## Your own model")[2]
    example = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert example is not None
    (home / "my_models").mkdir()
    (home / "my_models/__init__.py").touch()
    (home / "my_models/nets.py").write_text(example[1])
    (home / "my_models/odd.py").write_text(ODD)
    write_dataset(home / "dataset")
    return home


ODD = """
from torch import nn
class Silent(nn.Module):
    pass
class NoLabels(nn.Module):
    "Takes nothing."
    def __init__(self): super().__init__()
class NoDefault(nn.Module):
    "Takes a list."
    def __init__(self, num_classes, sizes): super().__init__()
class WrongShape(nn.Module):
    "Returns the clips."
    def __init__(self, num_classes): super().__init__()
    def forward(self, x): return x
class Failing(nn.Module):
    "Raises."
    def __init__(self, num_classes): super().__init__()
    def forward(self, x): raise ZeroDivisionError("by zero")
def function(num_classes): pass
"""


@pytest.fixture
def importable(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(home))
    monkeypatch.setenv(ALLOWED, "")


def video_emotion(
    home: Path, *words: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a verb in the user's folder, as the console command does."""
    code = "import sys; from jobs.common.console import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=home,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{home}"} | (env or {}),
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def trained(home: Path, local_ray: None) -> Path:
    given = ["--dataset", "dataset", "--out", "run", "--model", NAME, "--model-args", "hidden=16"]
    done = video_emotion(home, "train", *given, *RECIPE)
    assert done.returncode == 0, done.stdout + done.stderr
    return home / "run/package"


def test_the_example_trains_and_its_package_scores(home: Path, trained: Path) -> None:
    given = ["score", "--from-dataset", "dataset", "--package", str(trained), "--out", "scores"]
    done = video_emotion(home, *given, "--runner", "processes")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith(
        f"its model is {NAME}, code that is not of this project; if you trust it, install it and "
        f"set {ALLOWED}=my_models"
    )
    # The dataset of this test has only clips, so its package answers for clips here.
    answers = (
        "import numpy as np; from emotion.predict.predictor import Predictor\n"
        f"p = Predictor.load({str(trained)!r}, device='cpu')\n"
        "print(p.probs(np.zeros((2, 4, 32, 32, 3), np.uint8)).sum(axis=1).round(5).tolist())"
    )
    done = subprocess.run(
        [sys.executable, "-c", answers],
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{home}", ALLOWED: "other,my_models"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.strip() == "[1.0, 1.0]", done.stderr


def test_a_package_whose_code_is_not_there_is_refused(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ALLOWED, "my_models")
    with pytest.raises(PackageError, match=r"my_models.nets:RowMeans cannot be imported .*install"):
        load_package(str(trained))


def test_the_distribution_is_named_with_its_version(
    importable: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=r"install it \(pip install my-models==1.2\) and set"):
        own.check_allowed(NAME, made_with={"my-models": "1.2"})
    monkeypatch.setattr(own, "entry_points", lambda: {"row_means": NAME})
    own.check_allowed(NAME)
    assert own.distributions("numpy.linalg:Net").keys() == {"numpy"}


def test_an_entry_point_gives_a_short_name(
    importable: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emotion.models.registry.entry_points", lambda: {"row_means": NAME})
    assert import_path("row_means") == NAME
    with pytest.raises(InputError, match="cnn_attention, row_means, package.module:Class"):
        build_model("row_mean", 3, {})


def test_arguments_and_answers_are_checked(importable: None) -> None:
    assert model_args(NAME, {"hidden": "16"}) == {"rows": 8, "hidden": 16}
    with pytest.raises(InputError, match="has no argument 'width'; it has: rows, hidden"):
        model_args(NAME, {"width": "16"})
    model = build_model(NAME, 3, {"rows": 2})
    check_answers(model, NAME, (4, 32, 32), 3)
    assert model.training
    with pytest.raises(InputError, match=r"returns \(2, 3\) for 2 clips; it must .*\(2, 4\)"):
        check_answers(model, NAME, (4, 32, 32), 4)


@pytest.mark.parametrize(
    "name, says",
    [
        ("my_models.nets:", "must be package.module:Class"),
        ("my_models.nowhere:Net", "cannot be imported"),
        ("no_such_package:Net", "cannot be imported .* or name its folder in PYTHONPATH"),
        ("my_models.nets:Nobody", "Nobody is not a torch.nn.Module of my_models.nets"),
        ("my_models.odd:function", "function is not a torch.nn.Module"),
        ("subprocess:Popen", "Popen is not a torch.nn.Module"),
        ("my_models.odd:Silent", "needs a docstring"),
        ("my_models.odd:NoLabels", "must take the number of labels as its first argument"),
        ("my_models.odd:NoDefault", "argument sizes of model .* must have a default"),
    ],
)
def test_other_classes_are_refused(importable: None, name: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        find_class(name)


@pytest.mark.parametrize(
    "name, says",
    [("WrongShape", r"returns \(2, 3, 4, 8, 8\)"), ("Failing", "fails on clips .*by zero")],
)
def test_wrong_answers_are_one_line(importable: None, name: str, says: str) -> None:
    model = build_model(f"my_models.odd:{name}", 3, {})
    with pytest.raises(InputError, match=says) as caught:
        check_answers(model, name, (4, 8, 8), 3)
    assert "\n" not in (expected_line(caught.value) or "\n")

"""CONTRIBUTING.md's "Add a model", followed with a toy model that is in no other list."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from emotion.models.registry import (
    MODELS,
    Model,
    build_model,
    default_args,
    model_args,
    parameter_groups,
    set_frozen,
)
from emotion.models.transforms import to_input
from emotion.package.model_package import ModelPackage, load_package, save_package, weights_bytes
from emotion.package.onnx_export import TOLERANCE, export_onnx
from emotion.predict.predictor import Predictor
from emotion.train.learner import make_learner
from emotion.train.loop import evaluate_epoch, train_epoch
from emotion.train.pretrained import load_pretrained
from emotion.train.recipe import Recipe
from jobs.training.options import ModelAndData
from tests.emotion.train.test_loop import batches, clips_of_two_kinds
from tests.helpers.paths import ROOT
from tests.helpers.small_package import SPEC


class Toy(nn.Module):
    """Network of step 1: mean brightness of the rows, a hidden layer, logits."""

    def __init__(self, num_classes: int, *, hidden: int = 8, rows: int = 4) -> None:
        super().__init__()
        self.rows = rows
        self.inner = nn.Linear(rows, hidden)
        self.out = nn.Linear(hidden, num_classes)

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        """Return (B, num_classes) logits of (B, 3, T, H, W) clips."""
        b, c, t, h, w = x_BCTHW.shape
        means_BR = x_BCTHW.reshape(b, c, t, self.rows, h // self.rows, w).mean(dim=(1, 2, 4, 5))
        logits_BK: Tensor = self.out(torch.relu(self.inner(means_BR)))
        return logits_BK


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Register the model: step 2."""
    monkeypatch.setitem(MODELS, "toy", Model(Toy, ("out.",)))
    yield


def test_arguments_come_from_the_constructor() -> None:
    assert default_args("toy") == {"hidden": 8, "rows": 4}
    assert model_args("toy", {"hidden": "16"}) == {"hidden": 16, "rows": 4}


def test_shape_and_one_step_that_lowers_the_loss() -> None:
    torch.manual_seed(0)
    model = build_model("toy", 2, {})
    clips = clips_of_two_kinds()
    x_BCTHW = to_input(clips.clips)
    logits_BK = model(x_BCTHW)
    assert logits_BK.shape == (16, 2)
    before = functional.cross_entropy(logits_BK, clips.targets)
    before.backward()  # type: ignore[no-untyped-call]
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    assert functional.cross_entropy(model(x_BCTHW), clips.targets) < before


def test_the_head_is_new_and_the_backbone_can_be_frozen() -> None:
    model = build_model("toy", 2, {})
    backbone, new = parameter_groups(model, "toy")
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert [names[id(p)] for p in backbone] == ["inner.weight", "inner.bias"]
    assert [names[id(p)] for p in new] == ["out.weight", "out.bias"]
    set_frozen(model, "toy", frozen=True)
    assert [p.requires_grad for p in (*backbone, *new)] == [False, False, True, True]


def trained_package() -> ModelPackage:
    """Train for 20 epochs; the backbone is frozen in the first one."""
    torch.manual_seed(0)
    recipe = Recipe(epochs=20, lr=0.05, freeze_epochs=1)
    learner = make_learner(build_model("toy", 2, {}), "toy", recipe)
    for epoch in range(1, 21):
        learner.begin_epoch(epoch)
        train_epoch(
            learner,
            batches(),
            epoch=epoch,
            first_step=2 * (epoch - 1),
            total_steps=40,
            weights=torch.ones(2),
            seed=epoch,
        )
    totals = evaluate_epoch(learner.eval_model, batches(), num_classes=2)
    assert totals.confusion.tolist() == [[8, 0], [0, 8]]
    spec = replace(SPEC, crop_px=16)
    weights = weights_bytes(learner.eval_model.state_dict())
    return ModelPackage("toy", default_args("toy"), ("up", "down"), spec, weights, {}, {}, {})


def test_trains_and_predicts_from_its_package(tmp_path: Path) -> None:
    package, uri = trained_package(), str(tmp_path / "package")
    save_package(uri, package)
    assert load_package(uri) == package
    clips = clips_of_two_kinds()
    probs = Predictor.load(uri, device="cpu").probs(clips.clips.numpy())
    assert probs.argmax(axis=1).tolist() == clips.targets.tolist()


def test_another_run_starts_from_its_backbone(tmp_path: Path) -> None:
    package, uri = trained_package(), str(tmp_path / "package")
    save_package(uri, package)
    model = build_model("toy", 5, {})
    loaded = load_pretrained(model, "toy", uri)
    assert loaded.new == ("out.weight", "out.bias")
    assert set(loaded.left) == {"out.weight (2, 8)", "out.bias (2,)"}
    donor = package.build().state_dict()
    assert torch.equal(model.state_dict()["inner.weight"], donor["inner.weight"])


def test_exports_to_onnx() -> None:
    package = trained_package()
    exported = export_onnx(package)
    assert exported.max_difference <= TOLERANCE
    clips = np.random.default_rng(0).integers(0, 256, (2, 4, 16, 16, 3)).astype(np.uint8)
    expected = Predictor(package, device="cpu").probs(clips)
    np.testing.assert_allclose(Predictor(package, onnx=exported).probs(clips), expected, atol=1e-4)


def test_every_model_is_named_for_its_users() -> None:
    """Step 3: the help of jobs.train and the docs name it."""
    docs = (ROOT / "docs/models.md").read_text()
    shown = ModelAndData.__doc__ or ""
    names = [name for name in MODELS if name != "toy"]
    assert [name for name in names if name not in docs] == []
    assert [name for name in names if name not in shown] == []

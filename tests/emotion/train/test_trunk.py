"""Training with a frozen trunk: its outputs are those of the model, kept, and never learn."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from emotion.errors import InputError
from emotion.models.registry import MODELS, build_model
from emotion.models.transforms import to_input
from emotion.train import trunk as trunk_module
from emotion.train.batches import Batch
from emotion.train.checkpoint import RunState, read_state, save_state
from emotion.train.learner import Learner, make_learner
from emotion.train.loop import evaluate_epoch, train_epoch
from emotion.train.recipe import Augment, Recipe

RECIPE = Recipe(epochs=4, lr=0.01, backbone_lr=0.5, train_backbone="top", views=2)
SMALL: dict[str, str | int | float] = {"hidden": 16, "heads": 1, "dropout": 0.0}
BACKBONES: list[dict[str, str | int]] = [
    {"backbone": "mobilefacenet", "frame_step": 2},
    {"backbone": "lite", "width": 4},
]


def a_learner(backbone: dict[str, str | int], recipe: Recipe = RECIPE) -> Learner:
    torch.manual_seed(0)
    model = build_model("cnn_mean", 2, SMALL | backbone)
    return make_learner(model, "cnn_mean", recipe, seed=7)


def all_clips() -> Batch:
    rng = np.random.default_rng(0)
    clips = rng.integers(0, 60, (4, 4, 24, 24, 3)).astype(np.uint8)
    clips[0::2, :, :12] += 150
    clips[1::2, :, 12:] += 150
    return Batch(torch.from_numpy(clips), torch.arange(4) % 2, tuple("abcd"))


def batches(order: tuple[int, ...] = (0, 1, 2, 3)) -> Iterator[Batch]:
    every = all_clips()
    for pair in (order[:2], order[2:]):
        rows = list(pair)
        names = tuple(every.clip_ids[n] for n in rows)
        yield Batch(every.clips[rows], every.targets[rows], names)


def run_epoch(learner: Learner, epoch: int) -> float:
    learner.begin_epoch(epoch)
    totals = train_epoch(
        learner, batches(), epoch=epoch, first_step=2 * (epoch - 1), total_steps=8,
        weights=torch.ones(2), seed=epoch,
    )  # fmt: skip
    return totals.loss


@pytest.mark.parametrize("backbone", BACKBONES, ids=lambda one: str(one["backbone"]))
def test_of_evaluation_is_the_model(backbone: dict[str, str | int]) -> None:
    learner = a_learner(backbone)
    assert learner.trunk is not None
    model, batch = learner.model.eval(), all_clips()
    with torch.no_grad():
        whole = model(to_input(batch.clips))
        parts = model(learner.trunk.of_evaluation(model, batch), from_trunk=True)
    assert torch.allclose(whole, parts, atol=1e-5)
    plain = evaluate_epoch(model, batches(), num_classes=2)
    kept = evaluate_epoch(model, batches(), num_classes=2, trunk=learner.trunk)
    assert np.allclose(plain.logits, kept.logits, atol=1e-5)


@pytest.mark.parametrize("backbone", BACKBONES, ids=lambda one: str(one["backbone"]))
def test_the_trunk_does_not_learn_and_the_rest_does(backbone: dict[str, str | int]) -> None:
    learner = a_learner(backbone)
    before = {key: value.clone() for key, value in learner.model.state_dict().items()}
    losses = [run_epoch(learner, epoch) for epoch in (1, 2, 3, 4)]
    has_top = backbone["backbone"] == "mobilefacenet"
    assert has_top or losses[-1] < losses[0]  # with random weights mobilefacenet learns nothing
    trunk = learner.model.trunk_parts
    assert isinstance(trunk, tuple)
    now = learner.model.state_dict()
    changed = {key for key in before if not torch.equal(before[key], now[key])}
    assert not any(key.startswith(trunk) for key in changed)
    assert any(key.startswith("head.") for key in changed)
    assert ("backbone.last.weight" in changed) == has_top


def test_first_epochs_freeze_the_top_too() -> None:
    learner = a_learner(BACKBONES[0], Recipe(epochs=2, train_backbone="top", freeze_epochs=1))
    learnt = []
    for epoch in (1, 2):
        assert learner.begin_epoch(epoch) or epoch == 1
        learnt.append({k for k, p in learner.model.named_parameters() if p.requires_grad})
    assert not any(key.startswith("backbone.") for key in learnt[0])
    assert "backbone.last.weight" in learnt[1]
    assert "backbone.first.weight" not in learnt[1]


def test_views_alternate_and_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    learner, batch = a_learner(BACKBONES[1]), all_clips()
    assert learner.trunk is not None
    one, two, again = (
        learner.trunk.of_training(learner.model, batch, epoch=epoch) for epoch in (1, 2, 3)
    )
    assert torch.equal(one, again)
    assert one.shape != two.shape or not torch.allclose(one, two)
    entry = MODELS["cnn_mean"]
    assert entry.trunk is not None

    def computed_again(*_: object) -> torch.Tensor:
        raise AssertionError

    monkeypatch.setitem(MODELS, "cnn_mean", dataclasses.replace(entry, trunk=computed_again))
    assert torch.equal(one, learner.trunk.of_training(learner.model, batch, epoch=5))


def test_the_order_of_the_clips_and_a_small_memory_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def outputs(order: tuple[int, ...]) -> dict[str, torch.Tensor]:
        learner = a_learner(BACKBONES[1])
        assert learner.trunk is not None
        rows: dict[str, torch.Tensor] = {}
        for batch in [*batches(order), *batches(order)]:
            y = learner.trunk.of_training(learner.model, batch, epoch=1)
            rows |= dict(zip(batch.clip_ids, y, strict=True))
        return rows

    plain = outputs((0, 1, 2, 3))
    monkeypatch.setattr(trunk_module, "MAX_BYTES", 0)
    other = outputs((3, 0, 2, 1))
    assert all(torch.equal(plain[name], other[name]) for name in "abcd")


def test_goes_on_from_a_checkpoint_as_if_never_stopped(tmp_path: Path) -> None:
    whole = a_learner(BACKBONES[1])
    losses = [run_epoch(whole, epoch) for epoch in (1, 2, 3)]
    learner = a_learner(BACKBONES[1])
    run_epoch(learner, 1)
    save_state(tmp_path, RunState(), learner)
    resumed = a_learner(BACKBONES[1])
    resumed.load_tensors(read_state(tmp_path)[1])
    assert [run_epoch(resumed, epoch) for epoch in (2, 3)] == losses[1:]


def test_what_is_refused() -> None:
    model = build_model("r3d_lite", 2, {"width": 4})
    with pytest.raises(InputError, match="top is not known for model r3d_lite, only for cnn_mean"):
        make_learner(model, "r3d_lite", RECIPE)
    with pytest.raises(InputError, match="leave --cutmix out"):
        Recipe(train_backbone="top", cutmix=0.5)
    with pytest.raises(InputError, match="--views must be at least 1, got 0"):
        Recipe(views=0)


def test_no_limits_give_the_plain_clip() -> None:
    recipe = Recipe(train_backbone="top", views=1, augment=Augment(0, 0, 0, 0, 0, 0, 0, 0))
    learner, batch = a_learner(BACKBONES[1], recipe), all_clips()
    assert learner.trunk is not None
    model = learner.model.eval()
    seen = learner.trunk.of_training(model, batch, epoch=1)
    assert torch.allclose(seen, learner.trunk.of_evaluation(model, batch), atol=1e-5)

"""Losses, mixing and sampling, compared with numbers computed by hand."""

import math

import numpy as np
import pytest
import torch

from emotion.train.losses import loss_sum, loss_weights, mix
from emotion.train.recipe import Balance, Recipe
from emotion.train.sampling import epoch_order

ONES = torch.ones(2)
LOGITS = torch.tensor([[math.log(3.0), 0.0]])  # probabilities 3/4 and 1/4
A, B = math.log(0.75), math.log(0.25)


def recipe(**values: object) -> Recipe:
    return Recipe(epochs=1, lr=0.1, **({"label_smoothing": 0.0} | values))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "target, weights, values, expected",
    [
        ([1.0, 0.0], [1.0, 1.0], {}, -A),
        ([0.0, 1.0], [1.0, 3.0], {}, -3 * B),
        ([0.5, 0.5], [1.0, 1.0], {}, -0.5 * (A + B)),
        ([1.0, 0.0], [1.0, 1.0], {"label_smoothing": 0.2}, -0.9 * A - 0.1 * B),
        ([1.0, 0.0], [1.0, 1.0], {"loss": "focal", "focal_gamma": 2.0}, -(0.25**2) * A),
        ([0.0, 1.0], [1.0, 2.0], {"loss": "focal", "focal_gamma": 1.0}, -2 * 0.75 * B),
        ([1.0, 0.0], [1.0, 1.0], {"loss": "focal", "focal_gamma": 0.0}, -A),
    ],
    ids=["plain", "weighted", "soft", "smoothed", "focal", "focal, weighted", "focal, gamma 0"],
)
def test_loss(
    target: list[float], weights: list[float], values: dict[str, object], expected: float
) -> None:
    loss = loss_sum(LOGITS, torch.tensor([target]), torch.tensor(weights), recipe(**values))
    assert float(loss) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "balance, expected",
    [("weights", [2.0, 2 / 3]), ("sampling", [1, 1]), ("none", [1, 1])],
    ids=str,
)
def test_weights_only_where_they_are_asked_for(balance: Balance, expected: list[float]) -> None:
    assert loss_weights([10, 30], recipe(balance=balance)).tolist() == pytest.approx(expected)


def clips_and_targets() -> tuple[torch.Tensor, torch.Tensor]:
    """Clip n holds n everywhere, and its target is label n."""
    return torch.arange(4.0).view(4, 1, 1, 1, 1).expand(4, 1, 2, 8, 8), torch.eye(4)


@pytest.mark.parametrize("values", [{"mixup": 0.4}, {"cutmix": 1.0}], ids=str)
def test_targets_are_mixed_as_pixels_are(values: dict[str, float]) -> None:
    """The mean of a mixed clip shows the share of each source, and equals its target."""
    x, target = clips_and_targets()
    for seed in range(8):
        mixed, soft = mix(x, target, recipe(**values), rng=np.random.default_rng(seed))
        assert torch.allclose(soft.sum(dim=1), torch.ones(4))
        means = mixed.mean(dim=(1, 2, 3, 4))
        assert torch.allclose(means, soft @ torch.arange(4.0), atol=1e-5)


def test_cutmix_pastes_one_box_in_all_frames() -> None:
    x, target = clips_and_targets()
    mixed, _ = mix(x, target, recipe(cutmix=1.0), rng=np.random.default_rng(1))
    assert torch.equal(mixed[:, :, 0], mixed[:, :, 1])
    foreign = (mixed[3, 0, 0] != 3.0).nonzero()
    assert len(foreign)
    spans = foreign.max(dim=0).values - foreign.min(dim=0).values + 1
    assert int(spans.prod()) == len(foreign)  # a full rectangle


def test_nothing_is_mixed_unless_asked() -> None:
    x, target = clips_and_targets()
    assert mix(x, target, recipe(), rng=np.random.default_rng(0)) == (x, target)


TARGETS = np.array([0] * 6 + [2] * 2)


@pytest.mark.parametrize(
    "num, balance, expected",
    [
        (8, "none", [6, 0, 2]),
        (16, "weights", [12, 0, 4]),
        (8, "sampling", [4, 0, 4]),
        (0, "none", [0, 0, 0]),
    ],
    ids=str,
)
def test_how_often_labels_are_drawn(num: int, balance: Balance, expected: list[int]) -> None:
    order = epoch_order(TARGETS, num=num, balance=balance, seed=0)
    assert np.bincount(TARGETS[order], minlength=3).tolist() == expected


def test_all_clips_come_before_one_comes_again() -> None:
    order = epoch_order(TARGETS, num=11, balance="none", seed=5)
    assert sorted(order[:8].tolist()) == list(range(8))
    assert order.tolist() == epoch_order(TARGETS, num=11, balance="none", seed=5).tolist()
    assert order.tolist() != epoch_order(TARGETS, num=11, balance="none", seed=6).tolist()

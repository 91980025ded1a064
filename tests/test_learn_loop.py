"""The loop learns, repeats itself from a seed, and goes on from a checkpoint unharmed."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from emotion.errors import InputError
from emotion.learn.loop import Batch, Recipe, class_weights, evaluate, make_optimizer, train_epoch
from emotion.learn.models import build_model
from emotion.learn.state import EpochRow, RunState, read_state, restore, save_state
from emotion.learn.transforms import Augment

NOTHING = Augment(0, 0, 0, 0, 0, 0, 0, 0)
RECIPE = Recipe(epochs=20, lr=0.01, augment=NOTHING)
WEIGHTS = class_weights([8, 8])


def clips_of_two_kinds() -> Batch:
    """Sixteen clips: label 0 bright above, label 1 bright below."""
    rng = np.random.default_rng(0)
    clips = rng.integers(0, 60, (16, 4, 16, 16, 3)).astype(np.uint8)
    clips[0::2, :, :8] += 150
    clips[1::2, :, 8:] += 150
    return torch.from_numpy(clips), torch.arange(16) % 2


def batches() -> Iterator[Batch]:
    clips, target = clips_of_two_kinds()
    for first in (0, 8):
        yield clips[first : first + 8], target[first : first + 8]


def small_model() -> nn.Module:
    torch.manual_seed(0)
    return build_model("r3d_lite", 2, {"input_px": 8, "width": 4})


def run_epochs(
    model: nn.Module, optimizer: torch.optim.Optimizer, epochs: range, recipe: Recipe = RECIPE
) -> float:
    totals = None
    for epoch in epochs:
        totals = train_epoch(
            model,
            batches(),
            optimizer,
            recipe,
            first_step=2 * epoch,
            total_steps=40,
            weights=WEIGHTS,
            seed=epoch,
        )
    assert totals is not None and totals.num_clips == 16
    return totals.loss


def state_of(model: nn.Module) -> Tensor:
    return torch.cat([v.double().flatten() for v in model.state_dict().values()])


def test_learns() -> None:
    model = small_model()
    before = evaluate(model, batches(), num_classes=2)
    run_epochs(model, make_optimizer(model, RECIPE), range(20))
    after = evaluate(model, batches(), num_classes=2)
    assert after.loss < before.loss
    assert after.confusion.tolist() == [[8, 0], [0, 8]]


def test_equal_seeds_give_equal_weights() -> None:
    first, again = small_model(), small_model()
    for model in (first, again):
        recipe = Recipe(epochs=20, lr=0.01)
        run_epochs(model, make_optimizer(model, recipe), range(2), recipe)
    assert torch.equal(state_of(first), state_of(again))


def test_goes_on_from_a_checkpoint_as_if_never_stopped(tmp_path: Path) -> None:
    whole = small_model()
    run_epochs(whole, make_optimizer(whole, RECIPE), range(4))

    model = small_model()
    optimizer = make_optimizer(model, RECIPE)
    run_epochs(model, optimizer, range(2))
    save_state(tmp_path, RunState(), model, optimizer)
    resumed = build_model("r3d_lite", 2, {"input_px": 8, "width": 4})
    optimizer = make_optimizer(resumed, RECIPE)
    _, tensors = read_state(tmp_path)
    restore(tensors, resumed, optimizer)
    run_epochs(resumed, optimizer, range(2, 4))

    assert torch.equal(state_of(resumed), state_of(whole))


def test_padding_is_not_counted_and_nothing_is_fine() -> None:
    model = small_model()
    clips, target = clips_of_two_kinds()
    padded = (torch.cat([clips, torch.zeros_like(clips[:3])]), torch.cat([target, -torch.ones(3)]))
    plain = evaluate(model, [(clips, target)], num_classes=2)
    found = evaluate(model, [(padded[0], padded[1].long())], num_classes=2)
    assert found.num_clips == plain.num_clips == 16
    assert found.loss_sum == pytest.approx(plain.loss_sum, rel=1e-5)
    assert np.array_equal(found.confusion, plain.confusion)
    empty = evaluate(model, [], num_classes=2)
    assert (empty.num_clips, empty.loss) == (0, 0.0)


def test_a_loss_that_is_not_finite_stops() -> None:
    model = small_model()
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    with pytest.raises(InputError, match="the loss is nan at step 0 .* lower --lr"):
        run_epochs(model, make_optimizer(model, RECIPE), range(1))


def row(epoch: int, uar: float, loss: float) -> EpochRow:
    return EpochRow(epoch, 0.0, loss, 0.0, uar, 0.0, 0.0, [[1]])


@pytest.mark.parametrize(
    "scores, best",
    [
        ([(0.0, 9.0)], 1),
        ([(0.4, 1.0), (0.6, 1.0), (0.5, 0.1)], 2),
        ([(0.5, 1.0), (0.5, 0.9), (0.5, 0.95)], 2),
        ([(0.5, 1.0), (0.5, 1.0)], 1),
    ],
    ids=["only one", "highest uar", "tie goes to lower loss", "equal keeps the first"],
)
def test_best_epoch(tmp_path: Path, scores: list[tuple[float, float]], best: int) -> None:
    state, model = RunState(), nn.Linear(1, 1)
    for epoch, (uar, loss) in enumerate(scores, 1):
        nn.init.constant_(model.weight, epoch)
        state.add(row(epoch, uar, loss), model)
    save_state(tmp_path, state, model, torch.optim.AdamW(model.parameters()))
    found, _ = read_state(tmp_path)
    assert (found.best_epoch, found.best["weight"].item()) == (best, best)
    assert found.history == state.history

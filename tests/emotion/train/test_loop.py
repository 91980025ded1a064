"""Training loop: it learns, repeats from a seed, and resumes with equal results."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from emotion.errors import InputError
from emotion.models.registry import MODELS, Model, build_model
from emotion.models.transforms import to_input
from emotion.train.batches import Batch
from emotion.train.checkpoint import RunState, read_state, save_state
from emotion.train.epoch_loss import LossError
from emotion.train.history import EpochRow
from emotion.train.learner import Ema, Learner, make_learner
from emotion.train.loop import evaluate_epoch, memory_errors, train_epoch
from emotion.train.losses import class_weights
from emotion.train.recipe import Augment, Recipe

NO_CHANGES = Augment(0, 0, 0, 0, 0, 0, 0, 0)
RECIPE = Recipe(epochs=20, lr=0.01, augment=NO_CHANGES)
WEIGHTS = class_weights([8, 8])


def clips_of_two_kinds() -> Batch:
    """Return 16 clips: label 0 is bright above, label 1 is bright below."""
    rng = np.random.default_rng(0)
    clips = rng.integers(0, 60, (16, 4, 16, 16, 3)).astype(np.uint8)
    clips[0::2, :, :8] += 150
    clips[1::2, :, 8:] += 150
    names = tuple(f"clip{n}" for n in range(16))
    return Batch(torch.from_numpy(clips), torch.arange(16) % 2, names)


def batches(size: int = 8) -> Iterator[Batch]:
    every = clips_of_two_kinds()
    for first in range(0, 16, size):
        chosen = slice(first, first + size)
        yield Batch(every.clips[chosen], every.targets[chosen], every.clip_ids[chosen])


def small_learner(recipe: Recipe = RECIPE) -> Learner:
    torch.manual_seed(0)
    model = build_model("r3d_lite", 2, {"input_px": 16, "width": 4})
    return make_learner(model, "r3d_lite", recipe)


def run_epochs(learner: Learner, epochs: range) -> float:
    totals = None
    for epoch in epochs:
        learner.begin_epoch(epoch + 1)
        totals = train_epoch(
            learner,
            batches(),
            epoch=epoch + 1,
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
    learner = small_learner()
    before = evaluate_epoch(learner.eval_model, batches(), num_classes=2)
    run_epochs(learner, range(20))
    after = evaluate_epoch(learner.eval_model, batches(), num_classes=2)
    assert after.loss < before.loss
    assert after.confusion.tolist() == [[8, 0], [0, 8]]
    assert after.logits.shape == (16, 2)
    assert after.targets.tolist() == [0, 1] * 8


EVERYTHING = Recipe(
    epochs=20,
    lr=0.01,
    ema_decay=0.9,
    mixup=0.4,
    cutmix=1.0,
    loss="focal",
    accumulate=2,
    augment=Augment(saturation=0.3, blur=0.5, speed=0.3, reverse=0.2),
)


@pytest.mark.parametrize("recipe", [Recipe(epochs=20, lr=0.01), EVERYTHING], ids=["plain", "all"])
def test_equal_seeds_give_equal_weights(recipe: Recipe) -> None:
    first, again = small_learner(recipe), small_learner(recipe)
    for learner in (first, again):
        run_epochs(learner, range(2))
    assert torch.equal(state_of(first.eval_model), state_of(again.eval_model))


@pytest.mark.parametrize("recipe", [RECIPE, EVERYTHING], ids=["plain", "all"])
def test_goes_on_from_a_checkpoint_as_if_never_stopped(tmp_path: Path, recipe: Recipe) -> None:
    whole = small_learner(recipe)
    run_epochs(whole, range(4))

    learner = small_learner(recipe)
    run_epochs(learner, range(2))
    save_state(tmp_path, RunState(), learner)
    resumed = make_learner(
        build_model("r3d_lite", 2, {"input_px": 16, "width": 4}), "r3d_lite", recipe
    )
    _, tensors = read_state(tmp_path)
    resumed.load_tensors(tensors)
    run_epochs(resumed, range(2, 4))

    assert torch.equal(state_of(resumed.model), state_of(whole.model))
    assert torch.equal(state_of(resumed.eval_model), state_of(whole.eval_model))


class Plain(nn.Module):
    """Model of one linear layer, without batch norm and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3 * 4 * 16 * 16, 2)

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        logits_BK: Tensor = self.fc(x_BCTHW.flatten(1))
        return logits_BK


@pytest.mark.parametrize("size, accumulate", [(16, 1), (8, 2), (4, 4), (6, 3)], ids=str)
def test_accumulated_batches_are_one_large_batch(
    monkeypatch: pytest.MonkeyPatch, size: int, accumulate: int
) -> None:
    """The last batch may be short: 6 + 6 + 4 clips."""
    monkeypatch.setitem(MODELS, "plain", Model(lambda num_classes: Plain(), ("fc.",)))
    recipe = Recipe(epochs=1, lr=0.1, accumulate=accumulate, augment=NO_CHANGES)
    torch.manual_seed(0)
    learner = make_learner(Plain(), "plain", recipe)
    torch.manual_seed(0)
    by_hand = Plain()
    train_epoch(
        learner,
        batches(size),
        epoch=1,
        first_step=0,
        total_steps=1,
        weights=torch.tensor([1.0, 3.0]),
        seed=0,
    )
    every = clips_of_two_kinds()
    loss = nn.functional.cross_entropy(
        by_hand(to_input(every.clips)),
        nn.functional.one_hot(every.targets, 2).float(),
        weight=torch.tensor([1.0, 3.0]),
        label_smoothing=0.05,
    )
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(by_hand.parameters(), recipe.max_grad_norm)
    torch.optim.AdamW(by_hand.parameters(), lr=0.1, weight_decay=0.0).step()
    assert torch.allclose(learner.model.state_dict()["fc.bias"], by_hand.fc.bias, atol=1e-6)


def test_moving_average_by_hand() -> None:
    """Decay 2/11 after the first step, 3/12 after the second, then 0.3 at most."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 1.0)
    ema = Ema(model, 0.3)
    expected = 1.0
    for value, decay in ((2.0, 2 / 11), (4.0, 3 / 12), (8.0, 0.3)):
        nn.init.constant_(model.weight, value)
        ema.update(model)
        expected = decay * expected + (1 - decay) * value
        assert ema.model.state_dict()["weight"].item() == pytest.approx(expected)


def test_a_frozen_backbone_stays_to_the_bit() -> None:
    recipe = Recipe(epochs=20, lr=0.01, freeze_epochs=1, augment=NO_CHANGES)
    learner = small_learner(recipe)
    body = {k: v.clone() for k, v in learner.model.state_dict().items() if "head" not in k}
    head = learner.model.state_dict()["head.weight"].clone()
    run_epochs(learner, range(1))
    state = learner.model.state_dict()
    assert all(torch.equal(state[k], v) for k, v in body.items())  # running means too
    assert not torch.equal(state["head.weight"], head)
    run_epochs(learner, range(1, 2))
    assert not torch.equal(learner.model.state_dict()["stem.weight"], body["stem.weight"])


def test_the_backbone_learns_at_its_own_rate() -> None:
    learner = small_learner(Recipe(epochs=20, lr=0.01, backbone_lr=0.0, augment=NO_CHANGES))
    stem = learner.model.state_dict()["stem.weight"].clone()
    head = learner.model.state_dict()["head.weight"].clone()
    run_epochs(learner, range(1))
    assert torch.equal(learner.model.state_dict()["stem.weight"], stem)
    assert not torch.equal(learner.model.state_dict()["head.weight"], head)


def test_no_batch_is_allowed() -> None:
    model = small_learner().model
    empty = evaluate_epoch(model, [], num_classes=2)
    assert (empty.num_clips, empty.loss, empty.logits.shape) == (0, 0.0, (0, 2))


def test_a_loss_that_is_not_finite_names_its_batch() -> None:
    learner = small_learner()
    with torch.no_grad():
        next(learner.model.parameters()).fill_(float("nan"))
    says = r"loss is nan at epoch 1, step 0, .* clip0, clip1, clip2, clip3 and 4 more.*lower --lr"
    with pytest.raises(LossError, match=says):
        run_epochs(learner, range(1))


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("you can't allocate memory")],
    ids=["GPU", "CPU"],
)
def test_out_of_memory_says_what_to_lower(error: RuntimeError) -> None:
    says = r"clips \(16, 4, 16, 16, 3\): lower --batch-size and raise --accumulate"
    with pytest.raises(InputError, match=says), memory_errors(clips_of_two_kinds()):
        raise error


def test_another_error_stays_what_it_is() -> None:
    with pytest.raises(RuntimeError, match="shapes"), memory_errors(clips_of_two_kinds()):
        raise RuntimeError("shapes differ")


@pytest.mark.parametrize(
    "values, says",
    [
        ({"lr": 0.0}, "--lr must be above 0, got 0.0"),
        ({"accumulate": 0}, "--accumulate must be at least 1, got 0"),
        ({"ema_decay": 1.0}, "--ema-decay must be at least 0 and below 1, got 1.0"),
        ({"mixup": -0.1}, "--mixup must be at least 0, got -0.1"),
    ],
    ids=str,
)
def test_a_recipe_out_of_range(values: dict[str, float], says: str) -> None:
    with pytest.raises(InputError, match=says):
        Recipe(**({"epochs": 1, "lr": 0.1} | values))  # type: ignore[arg-type]


def test_fp16_needs_a_gpu() -> None:
    with pytest.raises(InputError, match="fp16 needs a GPU"):
        small_learner(Recipe(epochs=1, lr=0.1, precision="fp16"))


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
    save_state(tmp_path, state, small_learner())
    loaded, _ = read_state(tmp_path)
    assert (loaded.best_epoch, loaded.best["weight"].item()) == (best, best)
    assert loaded.history == state.history


@pytest.mark.parametrize(
    "uars, patience, stale",
    [([0.5], 1, False), ([0.5, 0.4], 1, True), ([0.5, 0.4], 2, False), ([0.5, 0.4, 0.6], 1, False)],
    ids=["first", "worse", "patient", "better"],
)
def test_when_a_run_ends_early(uars: list[float], patience: int, stale: bool) -> None:
    state, model = RunState(), nn.Linear(1, 1)
    assert not state.stale(patience)
    for epoch, uar in enumerate(uars, 1):
        state.add(row(epoch, uar, 1.0), model)
    assert state.stale(patience) is stale
    assert not state.stale(0)

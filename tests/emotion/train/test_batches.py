"""Batches and their prefetching, the sum of losses, and the order of memory."""

from collections.abc import Iterator

import pytest
import torch

from emotion.errors import InputError
from emotion.train.batches import Batch, prefetch
from emotion.train.epoch_loss import EpochLoss, LossError
from emotion.train.learner import uses_channels_last
from emotion.train.recipe import Recipe
from tests.emotion.train.test_loop import clips_of_two_kinds


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_loss_that_is_no_number_names_its_own_batch(device: str) -> None:
    """On a GPU each loss is read one batch late, the last one at the end."""
    clips, targets = torch.zeros(1, 1, 2, 2, 3, dtype=torch.uint8), torch.zeros(1).long()
    first, second = (Batch(clips, targets, (name,)) for name in ("good", "bad"))
    losses = EpochLoss(3, torch.device(device))
    losses.add(torch.tensor(2.0), first, step=7, lr=0.1)
    losses.add(torch.tensor(0.5), first, step=8, lr=0.1)
    assert losses.total() == 2.5
    with pytest.raises(LossError, match="epoch 3, step 9, .* clips bad:"):
        losses.add(torch.tensor(float("inf")), second, step=9, lr=0.1)
        assert device == "cuda"
        losses.add(torch.tensor(1.0), first, step=10, lr=0.1)
    losses = EpochLoss(3, torch.device("cuda"))
    losses.add(torch.tensor(float("nan")), second, step=9, lr=0.1)
    with pytest.raises(LossError, match="step 9, .* clips bad:"):
        losses.total()


@pytest.mark.parametrize(
    "clips, targets, names, says",
    [
        (torch.zeros(2, 1, 4, 4, 3), torch.zeros(2).long(), (), "clips must be uint8"),
        (torch.zeros(2, 4, 4, 3).byte(), torch.zeros(2).long(), (), "clips must be uint8"),
        (torch.zeros(2, 1, 4, 4, 3).byte(), torch.zeros(2), (), r"targets must be int64 \(2,\)"),
        (torch.zeros(2, 1, 4, 4, 3).byte(), torch.zeros(3).long(), (), "targets must be int64"),
        (
            torch.zeros(2, 1, 4, 4, 3).byte(),
            torch.zeros(2).long(),
            ("a",),
            "0 or 2 names",
        ),
    ],
    ids=["dtype", "axes", "targets dtype", "targets", "names"],
)
def test_a_batch_of_another_shape_is_refused(
    clips: torch.Tensor, targets: torch.Tensor, names: tuple[str, ...], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        Batch(clips, targets, names)


def test_a_batch_prints_shapes() -> None:
    assert repr(clips_of_two_kinds()) == (
        "Batch(clips=torch.uint8 (16, 4, 16, 16, 3), targets=torch.int64 (16,), clip_ids=16 names)"
    )


def test_memory_order_follows_the_device_by_default() -> None:
    recipe, fixed = Recipe(epochs=1, lr=0.1), Recipe(epochs=1, lr=0.1, channels_last=False)
    assert not uses_channels_last(recipe, torch.device("cpu"))
    assert uses_channels_last(recipe, torch.device("cuda"))
    assert not uses_channels_last(fixed, torch.device("cuda"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")
def test_batches_for_a_gpu_are_pinned_and_in_order() -> None:
    made = [clips_of_two_kinds() for _ in range(3)]
    got = list(prefetch(iter(made), torch.device("cuda")))
    assert [batch.clip_ids for batch in got] == [batch.clip_ids for batch in made]
    assert all(batch.clips.is_pinned() and torch.equal(batch.clips, made[0].clips) for batch in got)

    def broken() -> Iterator[Batch]:
        yield made[0]
        raise InputError("the second cannot be read")

    coming = prefetch(broken(), torch.device("cuda"))
    next(coming)
    with pytest.raises(InputError, match="the second cannot be read"):
        next(coming)

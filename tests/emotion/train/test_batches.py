"""Batches on their way to a GPU, losses on their way back, and the order of memory."""

from collections.abc import Iterator

import pytest
import torch

from emotion.errors import InputError
from emotion.train.batches import Batch, ahead
from emotion.train.learner import lies_last
from emotion.train.loop import LossError, Losses
from emotion.train.recipe import Recipe
from tests.emotion.train.test_loop import clips_of_two_kinds


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_loss_that_is_no_number_names_its_own_batch(device: str) -> None:
    """A GPU's are looked at one batch late, the last one at the end."""
    first, second = (Batch(torch.empty(1), torch.zeros(1), (name,)) for name in ("good", "bad"))
    losses = Losses(3, torch.device(device))
    losses.add(torch.tensor(2.0), first, step=7, lr=0.1)
    losses.add(torch.tensor(0.5), first, step=8, lr=0.1)
    assert losses.total() == 2.5
    with pytest.raises(LossError, match="epoch 3, step 9, .* clips bad:"):
        losses.add(torch.tensor(float("inf")), second, step=9, lr=0.1)
        assert device == "cuda"
        losses.add(torch.tensor(1.0), first, step=10, lr=0.1)
    losses = Losses(3, torch.device("cuda"))
    losses.add(torch.tensor(float("nan")), second, step=9, lr=0.1)
    with pytest.raises(LossError, match="step 9, .* clips bad:"):
        losses.total()


def test_memory_order_follows_the_device_unless_told() -> None:
    recipe, told = Recipe(epochs=1, lr=0.1), Recipe(epochs=1, lr=0.1, channels_last=False)
    assert not lies_last(recipe, torch.device("cpu"))
    assert lies_last(recipe, torch.device("cuda"))
    assert not lies_last(told, torch.device("cuda"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")
def test_batches_for_a_gpu_are_pinned_and_in_order() -> None:
    made = [clips_of_two_kinds() for _ in range(3)]
    got = list(ahead(iter(made), torch.device("cuda")))
    assert [batch.clip_ids for batch in got] == [batch.clip_ids for batch in made]
    assert all(batch.clips.is_pinned() and torch.equal(batch.clips, made[0].clips) for batch in got)

    def broken() -> Iterator[Batch]:
        yield made[0]
        raise InputError("the second cannot be read")

    coming = ahead(broken(), torch.device("cuda"))
    next(coming)
    with pytest.raises(InputError, match="the second cannot be read"):
        next(coming)

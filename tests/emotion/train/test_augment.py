"""Changes to training clips: equal in all frames of a clip, from a seed, within the limits."""

import pytest
import torch

from emotion.train.augment import change_pixels, change_time
from emotion.train.recipe import Augment

NO_CHANGES = Augment(0, 0, 0, 0, 0, 0, 0, 0)


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_no_augmentation_changes_nothing() -> None:
    x = torch.randn(2, 3, 4, 8, 8)
    assert torch.allclose(change_pixels(x, NO_CHANGES, generator=seeded()), x, atol=1e-5)
    clips = torch.randint(0, 255, (2, 4, 8, 8, 3), dtype=torch.uint8)
    assert torch.equal(change_time(clips, NO_CHANGES, generator=seeded()), clips)


def test_flip_mirrors() -> None:
    x = torch.arange(16.0).view(1, 1, 1, 4, 4)
    flipped = change_pixels(x, Augment(1, 0, 0, 0, 0, 0, 0), generator=seeded())
    assert torch.allclose(flipped, x.flip(-1), atol=1e-5)


EVERYTHING = Augment(erase=1.0, saturation=0.5, blur=1.0)


@pytest.mark.parametrize("channels", [3, 1], ids=["colour", "grey"])
def test_frames_of_a_clip_change_alike_and_clips_differently(channels: int) -> None:
    frame = torch.rand(1, channels, 1, 16, 16)
    x = frame.expand(4, channels, 5, 16, 16)
    out = change_pixels(x, EVERYTHING, generator=seeded())
    assert torch.allclose(out, out[:, :, :1].expand_as(out), atol=1e-5)
    assert not torch.allclose(out[0], out[1], atol=0.05)


def test_saturation_keeps_grey_and_the_mean_of_channels() -> None:
    grey = torch.rand(2, 1, 2, 4, 4).expand(2, 3, 2, 4, 4)
    limits = Augment(0, 0, 0, 0, 0, 0, 0, 0, saturation=0.9)
    assert torch.allclose(change_pixels(grey, limits, generator=seeded()), grey, atol=1e-5)
    colour = torch.rand(2, 3, 2, 4, 4)
    out = change_pixels(colour, limits, generator=seeded())
    assert not torch.allclose(out, colour, atol=0.01)
    assert torch.allclose(out.mean(dim=1), colour.mean(dim=1), atol=1e-5)


def test_blur_spreads_a_point_and_loses_nothing() -> None:
    x = torch.zeros(1, 1, 2, 9, 9)
    x[..., 4, 4] = 1.0
    out = change_pixels(x, Augment(0, 0, 0, 0, 0, 0, 0, 0, blur=1.0), generator=seeded())
    assert out.sum().item() == pytest.approx(2.0, abs=1e-4)  # one point in each of two frames
    share = 1 - float(out[0, 0, 0, 4, 4])  # of the filter, whose centre is 1/4
    assert 0 < share <= 0.75
    assert float(out[0, 0, 0, 4, 5]) == pytest.approx(share / 0.75 * 0.125, abs=1e-5)


@pytest.mark.parametrize(
    "frames, late, first", [(3, 0.0, 0), (3, 1.0, 1), (1, 1.0, 0)], ids=["never", "always", "one"]
)
def test_starts_late(frames: int, late: float, first: int) -> None:
    clips = torch.arange(frames).view(1, frames, 1, 1, 1)
    changed = change_time(clips, Augment(late=late), generator=seeded())
    assert changed.flatten().tolist() == list(range(first, frames))


def test_a_reversed_clip_runs_backwards() -> None:
    clips = torch.arange(5).view(1, 5, 1, 1, 1).expand(3, 5, 1, 1, 3)
    changed = change_time(clips, Augment(late=0.0, reverse=1.0), generator=seeded())
    assert changed[:, :, 0, 0, 0].tolist() == [[4, 3, 2, 1, 0]] * 3


def test_another_speed_keeps_order_and_makes_up_no_frame() -> None:
    clips = torch.arange(16).view(1, 16, 1, 1, 1).expand(64, 16, 1, 1, 3)
    changed = change_time(clips, Augment(late=0.0, speed=0.5), generator=seeded())[:, :, 0, 0, 0]
    assert changed.shape == (64, 16)
    assert bool((changed.diff(dim=1) >= 0).all())
    assert int(changed.min()) >= 0 and int(changed.max()) <= 15
    spans = changed[:, -1] - changed[:, 0]
    assert int(spans.min()) < 12 and int(spans.max()) == 15  # slower ones, and faster ones


def test_equal_seeds_are_equal_and_input_is_untouched() -> None:
    x = torch.rand(2, 3, 2, 8, 8)
    before = x.clone()
    first = change_pixels(x, EVERYTHING, generator=seeded(3))
    again = change_pixels(x, EVERYTHING, generator=seeded(3))
    other = change_pixels(x, EVERYTHING, generator=seeded(4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(x, before)

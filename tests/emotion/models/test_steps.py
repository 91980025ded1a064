"""Logits of the steps of a clip: they leave the clip's logits unchanged and are in order."""

import pytest
import torch

from emotion.models.registry import MODELS, ModelArg, build_model
from emotion.models.steps import logits_and_steps

SMALL: dict[str, tuple[dict[str, ModelArg], int]] = {
    "r3d_lite": ({"input_px": 16, "width": 4}, 4),
    "cnn_mean": ({"backbone": "lite", "input_px": 16, "frame_step": 2, "width": 4}, 8),
    "cnn_lstm": ({"backbone": "lite", "input_px": 16, "hidden": 16}, 16),
    "cnn_gru": ({"backbone": "lite", "input_px": 16, "hidden": 16}, 16),
    "cnn_attention": ({"backbone": "lite", "input_px": 16, "hidden": 16}, 16),
    "r3d_18": ({"input_px": 32}, 1),
}


@pytest.mark.parametrize("name", SMALL)
def test_logits_are_the_models_own(name: str) -> None:
    args, num_steps = SMALL[name]
    model = build_model(name, 3, args).eval()
    x_BCTHW = torch.randn(2, 3, 16, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        logits_BK, steps_BSK = logits_and_steps(model, x_BCTHW)
        assert torch.equal(logits_BK, model(x_BCTHW))
    assert steps_BSK.shape == (2, num_steps, 3)


def test_every_model_has_steps_of_its_shape() -> None:
    assert set(SMALL) <= set(MODELS)


def test_the_mean_of_the_steps_is_the_clip_where_the_head_is_linear() -> None:
    """cnn_mean pools by a mean and its head is linear: mean of logits = logits of the mean."""
    args, _ = SMALL["cnn_mean"]
    model = build_model("cnn_mean", 3, args).eval()
    x_BCTHW = torch.randn(2, 3, 16, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        logits_BK, steps_BSK = logits_and_steps(model, x_BCTHW)
    assert torch.allclose(steps_BSK.mean(dim=1), logits_BK, atol=1e-5)


def test_a_change_shows_in_the_steps_where_it_is() -> None:
    """Two still pictures, the second in the last quarter: the last two of 8 steps differ."""
    args, _ = SMALL["cnn_mean"]
    model = build_model("cnn_mean", 3, args).eval()
    generator = torch.Generator().manual_seed(2)
    x_BCTHW = torch.randn(1, 3, 1, 32, 32, generator=generator).repeat(1, 1, 16, 1, 1)
    x_BCTHW[:, :, 12:] = torch.randn(1, 3, 1, 32, 32, generator=generator)
    with torch.inference_mode():
        steps_SK = logits_and_steps(model, x_BCTHW)[1][0]
    near = [torch.allclose(step, steps_SK[0], atol=1e-5) for step in steps_SK]
    assert near == [True] * 6 + [False] * 2

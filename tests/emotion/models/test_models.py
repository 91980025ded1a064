"""Models by name: shapes, refused arguments, and pretrained weights."""

from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch.nn import functional

from emotion.errors import InputError
from emotion.models.frame_cnn import BACKBONES, FEATURES
from emotion.models.registry import MODELS, ModelArg, build_model, default_args
from emotion.train.pretrained import load_pretrained

pytestmark = pytest.mark.large

FIXED_SIZE = ("s3d", "mvit_v2_s")  # they work on 16 frames of 224 px inside


def forward_and_backward(name: str, args: dict[str, ModelArg], x_BCTHW: torch.Tensor) -> None:
    """Check one logit per label, and a finite gradient of their loss for every weight."""
    torch.manual_seed(0)
    model = build_model(name, 3, default_args(name) | args)
    logits_BK = model(x_BCTHW)
    assert logits_BK.shape == (len(x_BCTHW), 3)
    labels_B = torch.arange(len(x_BCTHW)) % 3
    functional.cross_entropy(logits_BK, labels_B).backward()  # type: ignore[no-untyped-call]
    trainable = {key: weight for key, weight in model.named_parameters() if weight.requires_grad}
    wrong = [k for k, w in trainable.items() if w.grad is None or not w.grad.isfinite().all()]
    assert trainable
    assert wrong == []


@pytest.mark.parametrize("name", [name for name in MODELS if name not in FIXED_SIZE])
def test_logits_and_gradients(name: str) -> None:
    forward_and_backward(name, {}, torch.randn(2, 3, 4, 32, 32))


@pytest.mark.slow
@pytest.mark.parametrize("name", FIXED_SIZE)
def test_logits_and_gradients_at_224_px(name: str) -> None:
    forward_and_backward(
        name, {"frames": 16} if name == "s3d" else {}, torch.randn(1, 3, 4, 32, 32)
    )


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("name", [name for name in MODELS if name.startswith("cnn_")])
def test_every_backbone_under_every_head(name: str, backbone: str) -> None:
    args: dict[str, ModelArg] = {"backbone": backbone, "hidden": 16, "heads": 2, "width": 4}
    forward_and_backward(name, args, torch.randn(2, 3, 2, 32, 32))


@pytest.mark.parametrize("name", ["cnn_mean", "cnn_gru"])
def test_changes_leave_out_what_all_frames_share(name: str) -> None:
    """Features that are added to every frame of a clip, as those of its person, are not seen."""
    args: dict[str, ModelArg] = {"backbone": "lite", "hidden": 16, "heads": 2, "width": 4}
    y_BTF = torch.randn(2, 5, 32)
    person_BTF = torch.randn(2, 1, 32)
    equal = {}
    for features in FEATURES:
        torch.manual_seed(0)
        model = build_model(name, 3, args | {"features": features}).eval()
        with torch.inference_mode():
            one, other = (model(y, from_trunk=True) for y in (y_BTF, y_BTF + person_BTF))
        equal[features] = torch.allclose(one, other, atol=1e-5)
        forward_and_backward(name, args | {"features": features}, torch.randn(2, 3, 4, 32, 32))
    assert equal == {"frames": False, "changes": True, "both": False}


@pytest.mark.parametrize("side, frames", [(112, 16), (16, 1), (33, 5)], ids=str)
def test_r3d_lite_takes_any_clip(side: int, frames: int) -> None:
    model = build_model("r3d_lite", 2, {}).eval()
    clips = torch.randn(1, 3, frames, side, side)
    with torch.inference_mode():
        face = MODELS["r3d_lite"].look(model, clips)
        assert face.shape == (1, 1, (frames + 1) // 2, 48, 48)
        assert torch.equal(model(face), model(clips))


def test_look_of_other_models_is_the_clip() -> None:
    clips = torch.zeros(1, 3, 4, 32, 32)
    assert MODELS["mc3_18"].look(build_model("mc3_18", 2, {}), clips) is clips


VIDEO_NETWORKS = ("r3d_18", "mc3_18", "r2plus1d_18", "swin3d_t")


@pytest.mark.parametrize("name", VIDEO_NETWORKS)
def test_view_motion_has_logits_and_gradients(name: str) -> None:
    args: dict[str, ModelArg] = {"view": "motion", "input_px": 32, "frame_step": 2}
    forward_and_backward(name, args, torch.randn(2, 3, 8, 64, 64))


@pytest.mark.parametrize("input_px, view_px", [(0, 44), (32, 32), (56, 44)], ids=str)
def test_view_motion_is_the_grey_inner_face(input_px: int, view_px: int) -> None:
    """0.68 of 64 px are 44 px: rows 17 to 60, columns 10 to 53; the model enlarges inside."""
    args: dict[str, ModelArg] = {"view": "motion", "input_px": input_px, "frame_step": 2}
    model = build_model("r3d_18", 2, args).eval()
    clips = torch.randn(2, 3, 8, 64, 64)
    with torch.inference_mode():
        view, logits = MODELS["r3d_18"].look(model, clips), model(clips)
        assert view.shape == (2, 1, 4, view_px, view_px)
        assert torch.equal(model(view), logits)
        framed = clips.clone()
        framed[..., :17, :] = framed[..., 61:, :] = 9.0
        framed[..., :10] = framed[..., 54:] = 9.0
        assert torch.equal(model(framed), logits)
        brighter = 1.5 * clips + 1
        assert model(brighter).allclose(logits, atol=0.1)  # zero mean, unit spread
        assert not build_model("r3d_18", 2, {}).eval()(framed).allclose(logits, atol=0.1)


def test_view_motion_keeps_the_names_of_pretrained_weights() -> None:
    plain, motion = build_model("r3d_18", 2, {}), build_model("r3d_18", 2, {"view": "motion"})
    shapes = [{k: v.shape for k, v in m.state_dict().items()} for m in (plain, motion)]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize(
    "name, num_classes, args, says",
    [
        ("resnet", 2, {}, "model 'resnet' is unknown; take one of r3d_lite"),
        ("r3d_lite", 1, {}, "2 or more labels"),
        ("r3d_lite", 2, {"depth": 3}, "cannot be built with"),
        ("cnn_gru", 2, {"features": "all"}, "features is 'all'; it must be one of frames, changes"),
        ("r3d_18", 2, {"view": "left"}, "view 'left' is unknown; take one of crop, motion"),
    ],
    ids=["name", "labels", "argument", "features", "view"],
)
def test_refuses(name: str, num_classes: int, args: dict[str, ModelArg], says: str) -> None:
    with pytest.raises(InputError, match=says):
        build_model(name, num_classes, args)


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_takes_over_a_body_and_not_the_head(tmp_path: Path, suffix: str) -> None:
    torch.manual_seed(0)
    donor, model = build_model("mc3_18", 5, {}), build_model("mc3_18", 3, {})
    path = tmp_path / f"weights.{suffix}"
    if suffix == "pth":
        torch.save(donor.state_dict(), path)
    else:
        safetensors.torch.save_file(donor.state_dict(), path)
    head = model.state_dict()["fc.bias"].clone()
    load_pretrained(model, "mc3_18", str(path))
    state = model.state_dict()
    assert torch.equal(state["stem.0.weight"], donor.state_dict()["stem.0.weight"])
    assert torch.equal(state["fc.bias"], head)


@pytest.mark.parametrize(
    "file, content, says",
    [
        ("gone.pth", None, "must be none, a name of torchvision's weights"),
        ("text.safetensors", b"text", "not a safetensors file"),
        ("other.safetensors", safetensors.torch.save({"a": torch.zeros(1)}), "not those of mc3_18"),
    ],
    ids=["missing", "text", "another model's"],
)
def test_refuses_weights(tmp_path: Path, file: str, content: bytes | None, says: str) -> None:
    path = tmp_path / file
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=says):
        load_pretrained(build_model("mc3_18", 2, {}), "mc3_18", str(path))


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "evil.pth"
    torch.save({"fc.weight": print}, path)
    with pytest.raises(InputError, match="not a file of tensors"):
        load_pretrained(build_model("mc3_18", 2, {}), "mc3_18", str(path))


def test_r3d_lite_has_no_kinetics_weights() -> None:
    with pytest.raises(InputError, match="r3d_lite has no weights at torchvision"):
        load_pretrained(build_model("r3d_lite", 2, {}), "r3d_lite", "kinetics400")

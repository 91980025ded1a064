"""Models ``cnn_*``: a 2D network reads each frame, a temporal head combines their features."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from emotion.errors import InputError
from emotion.models.graph import Graph
from emotion.models.lite_frames import LiteFrames
from emotion.models.merged_labels import MergedLabels
from emotion.models.mini_xception import MiniXception
from emotion.models.mobilefacenet import MobileFaceNet
from emotion.models.r3d import inner_face, still_and_moving
from emotion.models.temporal import TEMPORAL_HEADS, Temporal, TemporalHead
from emotion.models.transforms import MEAN, STD, resize_frames

IMAGE_MEAN, IMAGE_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet's RGB values, which are scaled to 0 to 1.

torchvision's image models expect an input that is normalised with them.
"""

PUBLISHED: dict[str, type[MobileFaceNet] | type[MiniXception]] = {
    "mobilefacenet": MobileFaceNet,
    "mini_xception": MiniXception,
}
"""Backbones for published weights (``emotion.published``); they resample crops themselves.

Their input is scaled to -1 to 1.
"""

MAX_LAYERS = 32
"""Largest number of layers of a temporal head."""

BACKBONE_ARGS = ("backbone", "graph", "input_px", "width")
"""Arguments of ``FrameCNN`` that describe its backbone."""

FEATURES = ("frames", "changes", "both")
"""Values of the argument ``features``."""

GRAPH = "graph"
"""Value of ``backbone`` for a network imported from a file; the argument ``graph`` describes it."""

BACKBONES = ("lite", "resnet18", "resnet50", "efficientnet_b0", "convnext_tiny", *PUBLISHED)
"""Values of the argument ``backbone`` beside ``GRAPH``; the second to fifth are torchvision's."""


_NORMS = dict.fromkeys(PUBLISHED, ((0.5,) * 3, (0.5,) * 3)) | {GRAPH: (MEAN, STD)}
"""Mean and standard deviation of a backbone's input, if they are not ImageNet's.

A graph takes the clips' own normalisation.
"""


def _backbone(name: str, width: int, graph: str) -> tuple[nn.Module, int]:
    """Build a network without its classifier; also return its feature count."""
    if name == "lite":
        return LiteFrames(width), 8 * width
    if name == GRAPH:
        network = Graph(graph)
        return network, network.num_features
    if name in PUBLISHED:
        return PUBLISHED[name](), PUBLISHED[name].num_features
    return _image_network(name)


def _image_network(name: str) -> tuple[nn.Module, int]:
    """Build a torchvision image network without its classifier; also return its feature count."""
    from torchvision import models as vision  # costs 1.3 s and 100 MB; others do not need it

    model: Any = getattr(vision, name)(weights=None)
    head: Any = model.fc if name.startswith("resnet") else model.classifier[-1]
    features = int(head.in_features)
    if name.startswith("resnet"):
        model.fc = nn.Identity()
    else:
        model.classifier[-1] = nn.Identity()
    return model, features


class FrameCNN(nn.Module):
    """2D network on every frame, and a head over time.

    ::

        clip (B, 3, T, H, W) -> T x backbone -> (B, T, F) -> Linear D -> temporal -> (B, D) -> K
                                                             mean: no order
                                                             lstm, gru: both directions, mean
                                                             attention: positions, encoder, pooling

    Args:
        num_classes: K, the number of labels.
        temporal: the temporal head.
        backbone: ``lite`` (small, on the grey inner face, for training from random weights), the
            name of a torchvision image network, one of ``PUBLISHED``, or ``GRAPH``.
        hidden: D, the features per frame that the head reads; a multiple of 2 x ``heads``.
        layers: layers of the heads lstm, gru and attention.
        heads: attention heads of the head attention.
        dropout: share of features that are set to 0 in training.
        input_px: side of the frames that the backbone reads, pixels. 0: 48 for ``lite``, the side
            of their own for ``PUBLISHED``, which take no other, else the side of the clip.
        frame_step: 1 reads every frame, 2 every second one, and so on.
        width: channels of the first layer of ``lite``.
        graph: text of the backbone ``GRAPH`` (``emotion.models.graph``); empty for the others.
        features: ``frames`` gives the head each frame's features; ``changes`` their difference from
            the clip's mean, which leaves out how the person looks at rest; ``both`` gives both.
        merge: number of outputs of each label whose probabilities are added (``MergedLabels``);
            empty: one each.

    Raises:
        InputError: on an unknown backbone or value of ``features``, a missing or needless
            ``graph``, if ``hidden`` is no multiple of 2 x ``heads``, or on an ``input_px`` for
            ``GRAPH`` or one of ``PUBLISHED``.
    """

    gain: Tensor
    shift: Tensor
    temporal: nn.Sequential

    def __init__(
        self,
        num_classes: int,
        *,
        temporal: Temporal,
        backbone: str = "resnet18",
        hidden: int = 128,
        layers: int = 1,
        heads: int = 4,
        dropout: float = 0.3,
        input_px: int = 0,
        frame_step: int = 1,
        width: int = 16,
        graph: str = "",
        features: str = "frames",
        merge: str = "",
    ) -> None:
        super().__init__()
        if backbone not in (*BACKBONES, GRAPH):
            raise InputError(
                f"backbone {backbone!r} is unknown; take one of {', '.join(BACKBONES)}"
            )
        if (backbone == GRAPH) != bool(graph):
            raise InputError(
                f"backbone {backbone} has a graph of {len(graph)} characters; backbone graph needs "
                "one, which jobs.import_model makes, and others take none"
            )
        if features not in FEATURES:
            raise InputError(f"features is {features!r}; it must be one of {', '.join(FEATURES)}")
        if not 1 <= layers <= MAX_LAYERS:
            raise InputError(f"layers is {layers}; it must be 1 to {MAX_LAYERS}")
        if heads < 1 or hidden < 1:
            raise InputError(f"hidden is {hidden} and heads {heads}; both must be at least 1")
        if hidden % (2 * heads):
            raise InputError(
                f"hidden is {hidden}; it must be a multiple of {2 * heads} (2 x heads)"
            )
        if backbone in (*PUBLISHED, GRAPH) and input_px:
            raise InputError(
                f"input_px is {input_px}; backbone {backbone} resamples crops itself: leave it 0"
            )
        self.lite, self.frame_step = backbone == "lite", frame_step
        self.input_px = input_px or (48 if self.lite else 0)
        self.features = features
        self.backbone, num_features = _backbone(backbone, width, graph)
        mean, std = _NORMS.get(backbone, (IMAGE_MEAN, IMAGE_STD))
        self.register_buffer("gain", _column(s / i for s, i in zip(STD, std, strict=True)))
        shift = ((m - n) / i for m, n, i in zip(MEAN, mean, std, strict=True))
        self.register_buffer("shift", _column(shift))
        self.temporal = nn.Sequential(
            nn.Linear((2 if features == "both" else 1) * num_features, hidden),
            TEMPORAL_HEADS[temporal](hidden, layers, heads, dropout),
        )
        merged = (MergedLabels(merge, num_classes),) if merge else ()
        num_outputs = sum(merged[0].counts) if merged else num_classes
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(hidden, num_outputs), *merged)

    def look(self, x_BCTHW: Tensor) -> Tensor:
        """Return the part of normalised clips that the backbone reads; see ``Model.look``.

        For ``lite`` it is the grey inner face of the read frames, (B, 1, T, input_px, input_px).
        For other backbones it is the whole clip, unchanged.
        """
        if not self.lite:
            return x_BCTHW
        return resize_frames(inner_face(x_BCTHW[:, :, :: self.frame_step]), self.input_px)

    def forward(self, x_BCTHW: Tensor, *, from_trunk: bool = False) -> Tensor:
        """Return (B, num_classes) logits of normalised clips or of the result of ``look``.

        With ``from_trunk`` the input is the result of ``trunk`` instead.
        """
        y_BTF = self._from_trunk(x_BCTHW) if from_trunk else self._features(x_BCTHW)
        logits_BK: Tensor = self.head(self.temporal(self._seen(y_BTF)))
        return logits_BK

    def trunk(self, x_BCTHW: Tensor) -> Tensor:
        """Return the outputs of the backbone's ``trunk`` for each read frame, (B, T, C, H, W).

        A backbone without a ``trunk`` is the trunk as a whole; then they are (B, T, F).
        """
        if not isinstance(self.backbone, MobileFaceNet):
            return self._features(x_BCTHW)
        frames, b, t = self._frames(x_BCTHW)
        y_NCHW = self.backbone.trunk(frames)
        return y_NCHW.view(b, t, *y_NCHW.shape[1:])

    @property
    def trunk_parts(self) -> tuple[str, ...]:
        """Prefixes of the names of the weights of ``trunk``."""
        if isinstance(self.backbone, MobileFaceNet):
            return tuple(f"backbone.{part}" for part in self.backbone.trunk_parts)
        return ("backbone.",)

    def _from_trunk(self, y: Tensor) -> Tensor:
        if isinstance(self.backbone, MobileFaceNet):
            return self.backbone.top(y.flatten(0, 1)).view(*y.shape[:2], -1)
        return y

    def with_steps(self, x_BCTHW: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of clips and of steps (``emotion.models.steps``), one per read frame.

        Shapes: (B, K) and (B, S, K), S the number of read frames.
        """
        project, head = self.temporal
        assert isinstance(head, TemporalHead)
        out_BTD = head.outputs(project(self._seen(self._features(x_BCTHW))))
        logits_BK: Tensor = self.head(head.pool(out_BTD))
        steps_BSK: Tensor = self.head(out_BTD)
        return logits_BK, steps_BSK

    def _seen(self, y_BTF: Tensor) -> Tensor:
        """Return what the head reads of the features; see the argument ``features``."""
        if self.features == "frames":
            return y_BTF
        changes_BTF = y_BTF - y_BTF.mean(dim=1, keepdim=True)
        return changes_BTF if self.features == "changes" else torch.cat([y_BTF, changes_BTF], -1)

    def _features(self, x_BCTHW: Tensor) -> Tensor:
        """Return the backbone's features of each read frame, (B, T, F)."""
        frames, b, t = self._frames(x_BCTHW)
        y_BTF: Tensor = self.backbone(frames).flatten(1).view(b, t, -1)
        return y_BTF

    def _frames(self, x_BCTHW: Tensor) -> tuple[Tensor, int, int]:
        """Return the read frames as the backbone takes them, (B T, C, H, W), and B and T."""
        if self.lite:
            x_BCTHW = self.look(x_BCTHW) if x_BCTHW.shape[1] == 3 else x_BCTHW
            x_BCTHW = still_and_moving(x_BCTHW)
        else:
            x_BCTHW = x_BCTHW[:, :, :: self.frame_step] * self.gain + self.shift
            x_BCTHW = resize_frames(x_BCTHW, self.input_px) if self.input_px else x_BCTHW
        b, c, t, h, w = x_BCTHW.shape
        return x_BCTHW.transpose(1, 2).reshape(b * t, c, h, w), b, t


def _column(values: object) -> Tensor:
    return torch.tensor(list(values)).view(1, 3, 1, 1, 1)  # type: ignore[call-overload]

"""Model under training, with its optimizer, moving average and loss scaler."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from emotion.errors import InputError
from emotion.models.cpu_bf16 import avoid_small_maps
from emotion.models.registry import MODELS, find_model, parameter_groups, set_frozen
from emotion.train.recipe import Precision, Recipe
from emotion.train.trunk import Trunk


class Ema:
    """Moving average of a model's weights (Polyak and Juditsky 1992).

    The decay after n steps is at most ``(1 + n) / (10 + n)``, so that the first random weights lose
    their influence soon. The running statistics of batch norms are averaged too; integer counters
    are copied.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self._decay = decay
        self.num_steps = 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Update the average with the weights of ``model`` after one more optimisation step."""
        self.num_steps += 1
        decay = min(self._decay, (1 + self.num_steps) / (10 + self.num_steps))
        for mean, now in zip(
            self.model.state_dict().values(), model.state_dict().values(), strict=True
        ):
            if mean.is_floating_point():
                mean.lerp_(now, 1 - decay)
            else:
                mean.copy_(now)


@dataclass(frozen=True)
class Learner:
    """Model under training.

    Attributes:
        model: the bare model, on its device.
        name: its architecture, one of ``emotion.models.registry.MODELS``.
        optimizer: optimizer of all weights; frozen weights have no gradient and do not change.
        scaler: scales the loss so that small fp16 gradients do not become 0; disabled in other
            precisions.
        ema: the moving average, or None.
        recipe: options of the training.
        trunk: the frozen trunk, if the recipe trains only the top of the backbone; else None.
    """

    model: nn.Module
    name: str
    optimizer: torch.optim.AdamW
    scaler: torch.amp.GradScaler
    ema: Ema | None
    recipe: Recipe
    trunk: Trunk | None = None

    @property
    def eval_model(self) -> nn.Module:
        """Model that is evaluated and stored: the moving average; without one, ``model``."""
        return self.ema.model if self.ema else self.model

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return next(self.model.parameters()).device

    @property
    def channels_last(self) -> bool:
        """True if clips and 3D convolutions are stored channels last.

        The tensor cores of GPUs read this order: with it, r3d_18 in bf16 on an H200 trained 1.5
        times as fast (docs/evaluation.md).
        """
        return uses_channels_last(self.recipe, self.device)

    def begin_epoch(self, epoch: int) -> bool:
        """Freeze or unfreeze the backbone for ``epoch`` (from 1); return True on a change."""
        frozen = epoch <= self.recipe.freeze_epochs
        backbone = parameter_groups(self.model, self.name)[0]
        before = [p.requires_grad for p in backbone]
        set_frozen(self.model, self.name, frozen=frozen, trunk=self.trunk is not None)
        return [p.requires_grad for p in backbone] != before

    def tensors(self) -> dict[str, Tensor]:
        """Return the state from which training resumes, as tensors by name.

        Names begin with ``model/``, ``optimizer/INDEX/``, ``ema/``, ``ema_steps/`` or ``scaler/``.
        """
        state = {f"model/{k}": v for k, v in self.model.state_dict().items()}
        for index, values in self.optimizer.state_dict()["state"].items():
            state |= {f"optimizer/{index}/{name}": value for name, value in values.items()}
        if self.ema:
            state |= {f"ema/{k}": v for k, v in self.ema.model.state_dict().items()}
            state["ema_steps/num"] = torch.tensor(self.ema.num_steps)
        if self.scaler.is_enabled():
            state["scaler/scale"] = torch.tensor(self.scaler.get_scale())
        return state

    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore the state that ``tensors()`` of a learner with the same recipe returned."""
        self.model.load_state_dict(tensors_under(tensors, "model/"))
        moments: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors_under(tensors, "optimizer/").items():
            index, name = key.split("/")
            moments.setdefault(int(index), {})[name] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        if self.ema:
            self.ema.model.load_state_dict(tensors_under(tensors, "ema/"))
            self.ema.num_steps = int(tensors["ema_steps/num"])
        if self.scaler.is_enabled():
            state = self.scaler.state_dict() | {"scale": float(tensors["scaler/scale"])}
            self.scaler.load_state_dict(state)


def uses_channels_last(recipe: Recipe, device: torch.device) -> bool:
    """Return the recipe's ``channels_last``; for None, return True on a GPU and False elsewhere."""
    if recipe.channels_last is None:
        return device.type == "cuda"
    return recipe.channels_last


def tensors_under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with ``prefix``; the prefix is removed from the names.

    >>> tensors_under({"a/b": torch.tensor(1), "c/d": torch.tensor(2)}, "c/")
    {'d': tensor(2)}
    """
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def make_learner(model: nn.Module, name: str, recipe: Recipe, *, seed: int = 0) -> Learner:
    """Make a learner for a model that is already on its device.

    The model is changed in place: its memory order, its convolutions in bf16 on a CPU, and
    compilation, as the recipe asks.

    ``seed`` is that of the run; the views of a frozen trunk are drawn from it.

    Raises:
        InputError: if the device cannot do what the recipe asks for: fp16 without a GPU, or
            compile on a CPU without a C++ compiler; or the model has no trunk to keep frozen.
    """
    check_trunk(name, recipe)
    device = next(model.parameters()).device
    dtype = autocast_dtype(device, recipe.precision)
    if uses_channels_last(recipe, device):
        model.to(memory_format=torch.channels_last_3d)
    if device.type == "cpu" and dtype is torch.bfloat16:
        avoid_small_maps(model)
    if recipe.compile:
        _compile(model, device)
    return Learner(
        model=model,
        name=name,
        optimizer=make_optimizer(model, name, recipe),
        scaler=torch.amp.GradScaler(device.type, enabled=dtype is torch.float16),
        ema=Ema(model, recipe.ema_decay) if recipe.ema_decay else None,
        recipe=recipe,
        trunk=Trunk(name, recipe, seed=seed) if recipe.train_backbone == "top" else None,
    )


def check_trunk(name: str, recipe: Recipe) -> None:
    """Check that the model has a trunk if the recipe keeps one frozen.

    Raises:
        InputError: if it has none.
    """
    if recipe.train_backbone == "top" and find_model(name).trunk is None:
        able = ", ".join(key for key, model in MODELS.items() if model.trunk is not None)
        raise InputError(
            f"--train-backbone top is not known for model {name}, only for {able}; take one of "
            "these, or --train-backbone all"
        )


def _compile(model: nn.Module, device: torch.device) -> None:
    """Compile the model in place; the names of its weights do not change."""
    if device.type == "cpu" and not any(shutil.which(name) for name in ("c++", "g++", "clang++")):
        raise InputError(
            "--compile needs a C++ compiler on a CPU, and c++, g++ and clang++ are not installed; "
            "leave --compile out"
        )
    model.compile()


def make_optimizer(model: nn.Module, name: str, recipe: Recipe) -> torch.optim.AdamW:
    """Make AdamW (Loshchilov and Hutter 2019) without weight decay of biases and norms.

    Each group has a value ``share``: its learning rate divided by the recipe's.
    """
    groups = []
    for part, share in zip(parameter_groups(model, name), (recipe.backbone_lr, 1.0), strict=True):
        decay = [p for p in part if p.ndim > 1]
        no_decay = [p for p in part if p.ndim <= 1]
        groups += [
            {"params": decay, "weight_decay": recipe.weight_decay, "share": share},
            {"params": no_decay, "weight_decay": 0.0, "share": share},
        ]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=recipe.lr)


def autocast_dtype(device: torch.device, precision: Precision = "auto") -> torch.dtype:
    """Return the dtype of the forward pass in training.

    ``auto`` is bfloat16 on GPUs that compute in it, else float32. CPUs use bfloat16 only on
    request: it is faster with AMX, but its gradients have had faults (``emotion.models.cpu_bf16``).

    Raises:
        InputError: on fp16 without a GPU.
    """
    if precision == "fp16" and device.type != "cuda":
        raise InputError("--precision fp16 needs a GPU; take bf16 or fp32 on a CPU")
    if precision != "auto":
        return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(False) else torch.float32
    return torch.float32

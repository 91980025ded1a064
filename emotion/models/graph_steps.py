"""Steps of a graph: the operators that a network imported from a file may have."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

ARITHMETIC: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "matmul": operator.matmul,
}


class Arithmetic(nn.Module):
    """Operation on two values; they are broadcast as in numpy."""

    def __init__(self, operation: str) -> None:
        super().__init__()
        self._compute = ARITHMETIC[operation]

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the result for two tensors."""
        return self._compute(x, y)


class WithConstant(nn.Module):
    """Operation on a value and a stored tensor ``value``.

    A tensor of one number, such as 255, is not trained; a larger one is.

    Args:
        operation: one of ``ARITHMETIC``.
        shape: shape of ``value``.
        first: True computes ``value - x`` instead of ``x - value``, and so on.
    """

    value: Tensor

    def __init__(self, operation: str, shape: Sequence[int], *, first: bool = False) -> None:
        super().__init__()
        self._compute, self._first = ARITHMETIC[operation], first
        value = torch.zeros(tuple(shape))
        if value.numel() == 1:
            self.register_buffer("value", value)
        else:
            self.register_parameter("value", nn.Parameter(value))

    def forward(self, x: Tensor) -> Tensor:
        """Return the result for one tensor."""
        return self._compute(self.value, x) if self._first else self._compute(x, self.value)


class Function(nn.Module):
    """Function of one value, without weights."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self._function = function

    def forward(self, x: Tensor) -> Tensor:
        """Return the result for one tensor."""
        return self._function(x)


class Concat(nn.Module):
    """Concatenation of values along one axis."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self._dim = dim

    def forward(self, *parts: Tensor) -> Tensor:
        """Return the values one after the other."""
        return torch.cat(parts, dim=self._dim)


def _clip(low: float | None = None, high: float | None = None) -> nn.Module:
    return Function(lambda x: x.clamp(low, high))


def _hard_sigmoid(alpha: float, beta: float) -> nn.Module:
    return Function(lambda x: (alpha * x + beta).clamp(0, 1))


def _log(least: float) -> nn.Module:
    return Function(lambda x: x.clamp(least).log())


def _mean(dims: Sequence[int], *, keepdim: bool) -> nn.Module:
    return Function(lambda x: x.mean(dim=tuple(dims), keepdim=keepdim))


def _reshape(shape: Sequence[int]) -> nn.Module:
    """Return a step that reshapes each row to ``shape``; the first axis of a value is kept."""
    return Function(lambda x: x.reshape(x.shape[0], *shape))


def _permute(dims: Sequence[int]) -> nn.Module:
    return Function(lambda x: x.permute(*dims))


def _pad(pads: Sequence[int], mode: str, value: float | None = None) -> nn.Module:
    """Return a step that pads the last axes; ``value`` None is minus infinity."""
    fill = float("-inf") if value is None else value
    return Function(
        lambda x: functional.pad(x, list(pads), mode, fill if mode == "constant" else 0)
    )


def _activation(function: Callable[[Tensor], Tensor]) -> Callable[[], nn.Module]:
    return lambda: Function(function)


STEPS: dict[str, Callable[..., nn.Module]] = {
    "arithmetic": Arithmetic,
    "with_constant": WithConstant,
    "conv": nn.Conv2d,
    "linear": nn.Linear,
    "batch_norm": nn.BatchNorm2d,
    "batch_norm_1d": nn.BatchNorm1d,
    "relu": _activation(torch.relu),
    "leaky_relu": nn.LeakyReLU,
    "prelu": nn.PReLU,
    "elu": nn.ELU,
    "clip": _clip,
    "sigmoid": _activation(torch.sigmoid),
    "hard_sigmoid": _hard_sigmoid,
    "hard_swish": _activation(functional.hardswish),
    "tanh": _activation(torch.tanh),
    "softmax": nn.Softmax,
    "log": _log,
    "mean": _mean,
    "avg_pool": nn.AvgPool2d,
    "max_pool": nn.MaxPool2d,
    "reshape": _reshape,
    "permute": _permute,
    "pad": _pad,
    "concat": Concat,
}
"""Every step by its name; the arguments are plain numbers, texts and lists of numbers."""

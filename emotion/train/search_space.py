"""A search space as people write it: ``lr=log:1e-4:1e-2``, ``model=choice:r3d_lite,cnn_gru``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from emotion.errors import InputError

Kind = Literal["uniform", "log", "int", "choice"]
FORMS = "uniform:LOW:HIGH, log:LOW:HIGH, int:LOW:HIGH or choice:A,B,..."


@dataclass(frozen=True)
class Dimension:
    """One thing that a search varies.

    Attributes:
        name: of a flag, with underscores, or ``augment.NAME`` or ``model_args.NAME``.
        kind: uniform and log are real numbers, drawn evenly or evenly in the logarithm.
        low: least value; 0 for a choice.
        high: greatest value, included; 0 for a choice.
        choices: the values of a choice, as text.
    """

    name: str
    kind: Kind
    low: float = 0.0
    high: float = 0.0
    choices: tuple[str, ...] = ()

    @property
    def num_values(self) -> float:
        """How many different values there are; infinite for real numbers."""
        if self.kind == "choice":
            return len(self.choices)
        return self.high - self.low + 1 if self.kind == "int" else math.inf


def parse_space(texts: Sequence[str]) -> tuple[Dimension, ...]:
    """Read a space, in the order given.

    Raises:
        InputError: if there is none, one is not understood, or a name comes twice.

    >>> parse_space(["lr=log:1e-4:1e-2", "batch-size=choice:8,16"])[1]
    Dimension(name='batch_size', kind='choice', low=0.0, high=0.0, choices=('8', '16'))
    """
    if not texts:
        raise InputError(f"--space is empty; it must hold NAME=FORM with a form of {FORMS}")
    space = tuple(parse_dimension(text) for text in texts)
    names = [dimension.name for dimension in space]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise InputError(f"--space names {twice} {names.count(twice)} times; once is enough")
    return space


def parse_dimension(text: str) -> Dimension:
    """Read one ``NAME=FORM``.

    Raises:
        InputError: if it is not understood.

    >>> parse_dimension("epochs=int:20:60")
    Dimension(name='epochs', kind='int', low=20.0, high=60.0, choices=())
    """
    name, equals, form = (part.strip() for part in text.partition("="))
    kind, _, rest = form.partition(":")
    if not (name and equals) or kind not in get_args(Kind):
        raise InputError(f"--space {text!r} must be NAME=FORM with a form of {FORMS}")
    name = name.removeprefix("--").replace("-", "_")
    if kind == "choice":
        return Dimension(name, "choice", choices=_choices(text, rest))
    low, high = _ends(text, rest)
    if kind == "int":
        if low != int(low) or high != int(high):
            raise InputError(f"--space {text!r}: the ends of int must be whole numbers")
        return Dimension(name, "int", low, high)
    if kind == "log":
        if low <= 0:
            raise InputError(f"--space {text!r}: the ends of log must be more than 0")
        return Dimension(name, "log", low, high)
    return Dimension(name, "uniform", low, high)


def _choices(text: str, rest: str) -> tuple[str, ...]:
    values = tuple(value.strip() for value in rest.split(","))
    if len(values) < 2 or "" in values or len(set(values)) < len(values):
        raise InputError(f"--space {text!r}: choice needs two or more different values")
    return values


def _ends(text: str, rest: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in rest.split(":"))
    except ValueError:
        raise InputError(f"--space {text!r} must have two numbers, as in uniform:0:0.4") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise InputError(f"--space {text!r}: the first number must be less than the second")
    return low, high

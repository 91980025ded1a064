"""Search space of a hyperparameter search, read from text.

Examples: ``lr=log:1e-4:1e-2``, ``model=choice:r3d_lite,cnn_gru``.
"""

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
    """One option that a search varies.

    Attributes:
        name: a flag of jobs.train with underscores, ``augment.NAME`` or ``model_args.NAME``.
        kind: ``uniform`` is a real number with a uniform distribution, ``log`` one with a uniform
            distribution of its logarithm, ``int`` a whole number, ``choice`` one of some values.
        low: smallest value; 0 for a choice.
        high: largest value, included; 0 for a choice.
        choices: values of a choice, as text.
    """

    name: str
    kind: Kind
    low: float = 0.0
    high: float = 0.0
    choices: tuple[str, ...] = ()

    @property
    def num_values(self) -> float:
        """Number of different values; infinite for real numbers."""
        if self.kind == "choice":
            return len(self.choices)
        return self.high - self.low + 1 if self.kind == "int" else math.inf


def parse_space(texts: Sequence[str]) -> tuple[Dimension, ...]:
    """Read a search space; its dimensions are in the order of the texts.

    Raises:
        InputError: if there is no text, one cannot be read, or a name occurs twice.

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
        InputError: if it cannot be read.

    >>> parse_dimension("epochs=int:20:60")
    Dimension(name='epochs', kind='int', low=20.0, high=60.0, choices=())
    """
    name, equals, form = (part.strip() for part in text.partition("="))
    kind, _, values = form.partition(":")
    if not (name and equals) or kind not in get_args(Kind):
        raise InputError(f"--space {text!r} must be NAME=FORM with a form of {FORMS}")
    name = name.removeprefix("--").replace("-", "_")
    if kind == "choice":
        return Dimension(name, "choice", choices=_choices(text, values))
    low, high = _ends(text, values)
    if kind == "int":
        if low != int(low) or high != int(high):
            raise InputError(f"--space {text!r}: the ends of int must be whole numbers")
        return Dimension(name, "int", low, high)
    if kind == "log":
        if low <= 0:
            raise InputError(f"--space {text!r}: the ends of log must be more than 0")
        return Dimension(name, "log", low, high)
    return Dimension(name, "uniform", low, high)


def num_points(space: Sequence[Dimension]) -> float:
    """Return the number of different points of a space; infinite if a dimension is real.

    >>> num_points(parse_space(["epochs=int:2:4", "model=choice:a,b"]))
    6.0
    """
    return float(math.prod(dimension.num_values for dimension in space))


def largest_int(space: Sequence[Dimension], name: str, default: int) -> int:
    """Return the largest value of a whole-number dimension; ``default`` if the space lacks it.

    The dimension is an ``int``, or a ``choice`` of whole numbers.

    >>> largest_int(parse_space(["epochs=choice:5,20,8"]), "epochs", 60)
    20
    """
    dimension = next((one for one in space if one.name == name), None)
    if dimension is None:
        return default
    return int(dimension.high or max(map(int, dimension.choices)))


def _choices(text: str, values: str) -> tuple[str, ...]:
    choices = tuple(value.strip() for value in values.split(","))
    if len(choices) < 2 or "" in choices or len(set(choices)) < len(choices):
        raise InputError(f"--space {text!r}: choice needs two or more different values")
    return choices


def _ends(text: str, values: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in values.split(":"))
    except ValueError:
        raise InputError(f"--space {text!r} must have two numbers, as in uniform:0:0.4") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise InputError(f"--space {text!r}: the first number must be less than the second")
    return low, high

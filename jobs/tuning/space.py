"""What a search may vary in jobs.train, and the training that one choice of values means."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

import torch

from emotion import storage
from emotion.errors import InputError
from emotion.models.registry import build_model, default_args, model_args
from emotion.train.augment import Augment
from emotion.train.search_space import Dimension, parse_space
from emotion.train.search_trial import Parameters, Value
from jobs.common.command import parse
from jobs.training import run as training
from jobs.training.input import TrainInput

FIXED = (
    "dataset",
    "out",
    "address",
    "labels",
    "augment",
    "model_args",
    "max_minutes",
    "max_failures",
    "workers",
    "cache_gb",
)
"""Flags that are the same in all trials."""
Space = tuple[Dimension, ...]
Type = type[int] | type[float] | type[str] | type[bool]
BOOLS = {"true": True, "false": False}


def tunable() -> dict[str, Type]:
    """The flags that a space may name, by the type of their values."""
    found: dict[str, Type] = {}
    for name, hint in get_type_hints(training.Config).items():
        if name not in FIXED:
            found[name] = str if get_origin(hint) is Literal else hint
    return found


def read_space(given: Sequence[str]) -> Space:
    """Texts as ``parse_space`` takes them, or one JSON file that maps names to forms.

    Raises:
        InputError: if there is no such file, or a text is not understood.
    """
    if len(given) != 1 or not given[0].endswith(".json"):
        return parse_space(given)
    if not storage.exists(given[0]):
        raise InputError(f"--space {given[0]} does not exist; name a JSON file or NAME=FORM")
    forms = storage.read_json(given[0])
    if not isinstance(forms, dict):
        raise InputError(
            f'--space {given[0]} must hold an object such as {{"lr": "log:1e-4:1e-2"}}'
        )
    return parse_space([f"{name}={form}" for name, form in forms.items()])


def base_config(flags: str, *, dataset: str) -> training.Config:
    """The training that every trial varies.

    Raises:
        InputError: if the flags cannot be read, or name what each trial has of its own.
        SystemExit: 2 if jobs.train has no such flag.
    """
    words = _words(flags)
    own = {"--dataset", "--out", "--address"} & set(_named(words))
    if own:
        raise InputError(f"--train may not hold {', '.join(sorted(own))}: each trial has its own")
    return parse(
        training.Config, ["--dataset", dataset, "--out", "", *words], verb="jobs.train", doc=None
    )


def _words(flags: str) -> list[str]:
    try:
        return shlex.split(flags)
    except ValueError as err:
        raise InputError(f"--train {flags!r} cannot be read as flags: {err}") from err


def _named(words: Sequence[str]) -> list[str]:
    heads = [word.split("=")[0] for word in words if word.startswith("--")]
    return [head.replace("_", "-") for head in heads]


def type_of(dimension: Dimension, models: Sequence[str]) -> Type:
    """The type of a dimension's values.

    Raises:
        InputError: if a search cannot vary what it names.
    """
    name = dimension.name
    group, dot, key = name.partition(".")
    if group == "augment" and dot:
        known = sorted(f.name for f in fields(Augment))
        if key not in known:
            raise InputError(f"--space {name}: augment knows {', '.join(known)}")
        return float
    if group == "model_args" and dot:
        having = [args[key] for args in map(default_args, models) if key in args]
        if not having:
            known = sorted({arg for model in models for arg in default_args(model)})
            raise InputError(f"--space {name}: {', '.join(models)} takes {', '.join(known)}")
        return type(having[0])
    flags = tunable()
    if name not in flags:
        raise InputError(
            f"--space cannot vary {name!r}; it must be augment.NAME, model_args.NAME or one of "
            f"{', '.join(sorted(flags))}"
        )
    return flags[name]


def models_of(space: Space, base: training.Config) -> tuple[str, ...]:
    """The models that trials may have."""
    return next((d.choices for d in space if d.name == "model"), (base.model,))


def literals(name: str) -> tuple[str, ...]:
    """The values that a flag may have; empty where any text will do."""
    hint = get_type_hints(training.Config).get(name)
    return get_args(hint) if get_origin(hint) is Literal else ()


def check_kind(dimension: Dimension, kind: Type) -> None:
    """Whether values of a dimension are of the type that its name wants.

    Raises:
        InputError: if not.
    """
    if dimension.kind == "choice":
        known = literals(dimension.name)
        for text in dimension.choices:
            value_of(dimension.name, text, kind)
            if known and text not in known:
                raise InputError(
                    f"--space {dimension.name}: choice {text!r} must be one of {', '.join(known)}"
                )
        return
    if kind in (str, bool):
        raise InputError(f"--space {dimension.name} has no range; it must be choice:A,B,...")
    if kind is int and dimension.kind != "int":
        raise InputError(
            f"--space {dimension.name} is a whole number; it must be int:LOW:HIGH or choice:A,B,..."
        )


def value_of(name: str, text: str, kind: Type) -> Value:
    """One value of a choice.

    Raises:
        InputError: if it is of another type.

    >>> value_of("compile", "True", bool), value_of("batch_size", "8", int)
    (True, 8)
    """
    try:
        return BOOLS[text.lower()] if kind is bool else kind(text)
    except (ValueError, KeyError):
        wanted = {int: "a whole number", float: "a number", bool: "true or false"}[kind]
        raise InputError(f"--space {name}: choice {text!r} must be {wanted}") from None


def check_space(space: Space, base: training.Config, data: TrainInput, *, flags: str = "") -> None:
    """Whether every dimension is one, and jobs.train takes its ends and choices.

    Args:
        space: to be checked.
        base: what the trials vary.
        data: what they train on.
        flags: ``--train``, which may not name what the space varies.

    Raises:
        InputError: naming the dimension.
    """
    models = models_of(space, base)
    for model in models:
        _check(base, {"model": model}, data, what=f"model={model}")
    fixed = {head[2:].replace("-", "_") for head in _named(_words(flags))}
    for dimension in space:
        check_kind(dimension, type_of(dimension, models))
        if dimension.name in fixed:
            raise InputError(f"{dimension.name} is in --space and in --train; leave one out")
        for model in models if "." in dimension.name else models[:1]:
            for value in ends(dimension, models):
                chosen: dict[str, Value] = {"model": model, dimension.name: value}
                _check(base, chosen, data, what=f"{dimension.name}={value}")


def ends(dimension: Dimension, models: Sequence[str]) -> tuple[Value, ...]:
    """All choices, or the least and the greatest value."""
    kind = type_of(dimension, models)
    if dimension.kind == "choice":
        return tuple(value_of(dimension.name, text, kind) for text in dimension.choices)
    if dimension.kind == "int":
        return int(dimension.low), int(dimension.high)
    return dimension.low, dimension.high


def _check(base: training.Config, chosen: Parameters, data: TrainInput, *, what: str) -> None:
    try:
        plan = training.plan_worker(trial_config(base, chosen), data)
        with torch.device("meta"):  # shapes without memory
            build_model(plan.model, len(data.labels), plan.args)
    except InputError as err:
        raise InputError(f"--space {what}: {err}") from err


def unused(base: training.Config, parameters: Parameters) -> tuple[str, ...]:
    """The ``model_args`` that the chosen model does not take."""
    has = model_args(str(parameters.get("model", base.model)), {})
    heads = [name for name in parameters if name.startswith("model_args.")]
    return tuple(name for name in heads if name.partition(".")[2] not in has)


def trial_config(
    base: training.Config, parameters: Parameters, *, out: str = ""
) -> training.Config:
    """The training that some values mean.

    Raises:
        InputError: if jobs.train refuses them.
    """
    skipped = unused(base, parameters)
    changed: dict[str, Any] = {}
    more: dict[str, list[str]] = {"augment": [*base.augment], "model_args": [*base.model_args]}
    for name, value in sorted(parameters.items()):  # the same flags in whatever order they came
        group, dot, key = name.partition(".")
        if not dot:
            changed[name] = value
        elif name not in skipped:
            more[group].append(f"{key}={value}")
    changed |= {name: tuple(texts) for name, texts in more.items()}
    return replace(base, **changed, out=out)


def command_of(config: training.Config) -> str:
    """The flags of jobs.train that differ from its defaults, without --dataset and --out."""
    words: list[str] = []
    for item in fields(training.Config):
        value = getattr(config, item.name)
        if item.name in ("dataset", "out", "address") or value == item.default:
            continue
        words += [f"--{item.name.replace('_', '-')}"]
        words += map(str, value) if isinstance(value, tuple) else [str(value)]
    return shlex.join(words)

"""Search space over flags of jobs.train: its checks, and the flags for one trial."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

import torch

from emotion import storage
from emotion.errors import InputError
from emotion.models.registry import build_model, default_args, model_args
from emotion.train.recipe import Augment
from emotion.train.search_space import Dimension, parse_space
from emotion.train.search_trial import Parameters, Value
from jobs.common.command import parse
from jobs.common.flags import field_names, flag_words, parse_bool, split_flags
from jobs.training.input import TrainInput
from jobs.training.options import MLFLOW, Config
from jobs.training.run import plan_worker

OWN = ("dataset", "out", "address")
"""Flags that each trial sets itself."""
FIXED = (
    *OWN,
    *MLFLOW,
    "labels",
    "augment",
    "model_args",
    "max_minutes",
    "max_failures",
    "workers",
    "cache_gb",
)
"""Flags that a space must not name, because they are the same in all trials."""
Space = tuple[Dimension, ...]
Type = type[int] | type[float] | type[str] | type[bool]


def tunable() -> dict[str, Type]:
    """Return the types of the flags that a space may name, by flag name."""
    types: dict[str, Type] = {}
    for name, hint in get_type_hints(Config).items():
        if name not in FIXED:
            types[name] = _value_type(hint)
    return types


def _value_type(hint: Any) -> Type:
    """Return the type of a flag's values: str for a Literal, T for ``T | None``."""
    if get_origin(hint) is Literal:
        return str
    options = [one for one in get_args(hint) if one is not type(None)]
    kind: Type = options[0] if options else hint
    return kind


def read_space(given: Sequence[str]) -> Space:
    """Read texts of the form NAME=FORM, or one JSON file that maps names to forms.

    Raises:
        InputError: if the file does not exist, or a text cannot be read.
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


def base_config(flags: str, *, dataset: str) -> Config:
    """Return the Config of jobs.train that the trials share; its ``out`` is empty.

    Args:
        flags: value of ``--train``.
        dataset: address of the dataset.

    Raises:
        InputError: if the flags cannot be read, or hold --dataset, --out or --address.
        SystemExit: with code 2 if jobs.train does not have one of the flags.
    """
    words = split_flags(flags, reserved=OWN, owner="trial")
    given = ["--dataset", dataset, "--out", "trial", *words]
    return replace(parse(Config, given, verb="jobs.train", doc=None), out="")


def type_of(dimension: Dimension, models: Sequence[str]) -> Type:
    """Return the type of a dimension's values.

    Args:
        dimension: the dimension.
        models: models that the trials may have.

    Raises:
        InputError: if a search cannot vary the flag that the dimension names.
    """
    name = dimension.name
    group, dot, key = name.partition(".")
    if group == "augment" and dot:
        names = sorted(f.name for f in fields(Augment))
        if key not in names:
            raise InputError(f"--space {name}: augment knows {', '.join(names)}")
        return float
    if group == "model_args" and dot:
        defaults = [args[key] for args in map(default_args, models) if key in args]
        if not defaults:
            names = sorted({arg for model in models for arg in default_args(model)})
            raise InputError(f"--space {name}: {', '.join(models)} takes {', '.join(names)}")
        return type(defaults[0])
    flags = tunable()
    if name not in flags:
        raise InputError(
            f"--space cannot vary {name!r}; it must be augment.NAME, model_args.NAME or one of "
            f"{', '.join(sorted(flags))}"
        )
    return flags[name]


def models_of(space: Space, base: Config) -> tuple[str, ...]:
    """Return the names of the models that the trials may have."""
    return next((d.choices for d in space if d.name == "model"), (base.model,))


def allowed_texts(name: str) -> tuple[str, ...]:
    """Return the allowed values of a flag with fixed choices; empty for any other flag."""
    hint = get_type_hints(Config).get(name)
    return get_args(hint) if get_origin(hint) is Literal else ()


def check_kind(dimension: Dimension, kind: Type) -> None:
    """Check that the values of a dimension have the type ``kind``.

    Raises:
        InputError: if a value has another type or is not allowed, or if the form is a range and
            the type needs a choice.
    """
    if dimension.kind == "choice":
        allowed = allowed_texts(dimension.name)
        for text in dimension.choices:
            value_of(dimension.name, text, kind)
            if allowed and text not in allowed:
                raise InputError(
                    f"--space {dimension.name}: choice {text!r} must be one of {', '.join(allowed)}"
                )
        return
    if kind in (str, bool):
        raise InputError(f"--space {dimension.name} has no range; it must be choice:A,B,...")
    if kind is int and dimension.kind != "int":
        raise InputError(
            f"--space {dimension.name} is a whole number; it must be int:LOW:HIGH or choice:A,B,..."
        )


def value_of(name: str, text: str, kind: Type) -> Value:
    """Return the value that ``text`` stands for, with the type ``kind``.

    Raises:
        InputError: if ``text`` cannot be read as this type.

    >>> value_of("compile", "True", bool), value_of("batch_size", "8", int)
    (True, 8)
    """
    try:
        return parse_bool(name, text) if kind is bool else kind(text)
    except (ValueError, InputError):
        needed = {int: "a whole number", float: "a number", bool: "true or false"}[kind]
        raise InputError(f"--space {name}: choice {text!r} must be {needed}") from None


def check_space(space: Space, base: Config, data: TrainInput, *, flags: str = "") -> None:
    """Check that jobs.train accepts both ends or all choices of every dimension.

    Args:
        space: dimensions of the search.
        base: flags that the trials share.
        data: dataset of the trials.
        flags: value of ``--train``, which must not set a dimension of the space.

    Raises:
        InputError: for the first wrong dimension; it names the dimension.
    """
    models = models_of(space, base)
    for model in models:
        _check_point(base, {"model": model}, data, name=f"model={model}")
    fixed = field_names(split_flags(flags, owner="trial"))
    for dimension in space:
        check_kind(dimension, type_of(dimension, models))
        if dimension.name in fixed:
            raise InputError(f"{dimension.name} is in --space and in --train; leave one out")
        for model in models if "." in dimension.name else models[:1]:
            for value in ends(dimension, models):
                point: dict[str, Value] = {"model": model, dimension.name: value}
                _check_point(base, point, data, name=f"{dimension.name}={value}")


def ends(dimension: Dimension, models: Sequence[str]) -> tuple[Value, ...]:
    """Return all choices of a dimension, or its smallest and its largest value."""
    kind = type_of(dimension, models)
    if dimension.kind == "choice":
        return tuple(value_of(dimension.name, text, kind) for text in dimension.choices)
    if dimension.kind == "int":
        return int(dimension.low), int(dimension.high)
    return dimension.low, dimension.high


def _check_point(base: Config, point: Parameters, data: TrainInput, *, name: str) -> None:
    try:
        plan = plan_worker(trial_config(base, point), data)
        with torch.device("meta"):  # builds the model without memory for its weights
            build_model(plan.model, len(data.labels), plan.args)
    except InputError as err:
        raise InputError(f"--space {name}: {err}") from err


def unused(base: Config, parameters: Parameters) -> tuple[str, ...]:
    """Return the names of ``model_args`` parameters that the trial's model does not have."""
    has = model_args(str(parameters.get("model", base.model)), {})
    heads = [name for name in parameters if name.startswith("model_args.")]
    return tuple(name for name in heads if name.partition(".")[2] not in has)


def trial_config(base: Config, parameters: Parameters, *, out: str = "") -> Config:
    """Return the Config of jobs.train for the ``parameters`` of a trial.

    Raises:
        InputError: if jobs.train does not accept the values.
    """
    skipped = unused(base, parameters)
    changed: dict[str, Any] = {}
    more: dict[str, list[str]] = {"augment": [*base.augment], "model_args": [*base.model_args]}
    for name, value in sorted(parameters.items()):  # sorted, so that equal values give equal flags
        group, dot, key = name.partition(".")
        if not dot:
            changed[name] = value
        elif name not in skipped:
            more[group].append(f"{key}={value}")
    changed |= {name: tuple(texts) for name, texts in more.items()}
    return replace(base, **changed, out=out)


def command_of(config: Config) -> str:
    """Return the flags of jobs.train that differ from the defaults as text, except ``OWN``."""
    values = {
        item.name: getattr(config, item.name)
        for item in fields(Config)
        if item.name not in OWN and getattr(config, item.name) != item.default
    }
    return shlex.join(flag_words(Config, values))

"""Command lines of all verbs: arguments become a frozen Config, expected errors become one line."""

from __future__ import annotations

import functools
import io
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields, is_dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar, cast, get_args, get_type_hints

import tyro

from emotion import storage
from emotion.errors import InputError
from jobs.common.config_file import CONFIG_HELP, with_config_files
from jobs.common.faults import Fault
from jobs.common.stop import stoppable
from jobs.common.verbose import VERBOSE_HELP, take_verbose

ConfigT = TypeVar("ConfigT")


class Main(Protocol):
    """Entry point of a job; ``argv`` None takes the arguments of the process."""

    def __call__(self, argv: Sequence[str] | None = None) -> int:
        """Run the job and return its exit code."""
        ...


Address = Annotated[str, "address"]
"""Type of a local path or s3:// address in a Config; ``parse`` makes local paths absolute."""
Addresses = Address | tuple[Address, ...]
"""Type of one address, or of several after one flag."""
RENAMED = {"--segment-minutes": "--chunk-minutes"}
"""Flags of earlier versions, and their current names."""


def parse(
    config: Callable[..., ConfigT], argv: Sequence[str] | None, *, verb: str, doc: str | None
) -> ConfigT:
    """Read a command line into a Config; make its fields of type ``Address`` absolute.

    Args:
        config: a frozen dataclass, or a union of several, for tyro. A class attribute PRESETS, by
            name of a field, gives other defaults by value of that field; see ``preset_defaults``.
        argv: the arguments; None takes those of the process.
        verb: module after ``python -m``, such as "jobs.train".
        doc: text at the top of ``--help``.

    Raises:
        InputError: if the Config refuses a value, a flag has been renamed, or a file of --config
            cannot be read.
        SystemExit: with code 2 and a message for any other wrong argument; 0 after ``--help``.
    """
    words = take_verbose(with_config_files(sys.argv[1:] if argv is None else argv))
    for word in words:
        flag = word.split("=")[0].replace("_", "-")
        if flag in RENAMED:
            raise InputError(f"{flag} is called {RENAMED[flag]} now")
    words = _without_booleans(config, words)
    preset = preset_defaults(config, words)
    default = {} if preset is None else {"default": preset}
    program = _program(verb)
    text = (doc or "").replace(f"python -m {verb}", program).rstrip()
    parsed: ConfigT = tyro.cli(
        config,
        prog=program,
        args=words,
        description=f"{text}\n\n{CONFIG_HELP}\n{VERBOSE_HELP}",
        **cast(Any, default),
    )
    return _with_absolute_addresses(parsed)


def _program(verb: str) -> str:
    """Return the words before the flags, as the user has typed them."""
    if Path(sys.argv[0]).name == "video-emotion":
        return f"video-emotion {verb.removeprefix('jobs.').replace('_', '-')}"
    return f"python -m {verb}"


def _without_booleans(config: Any, words: Sequence[str]) -> list[str]:
    """Return the words without True and False after flags that take no value.

    Earlier versions wanted ``--dry-run True``. ``--dry-run False`` is the same as no flag.
    """
    named = fields(config) if is_dataclass(config) else ()
    names = {field.name for field in named if isinstance(field.default, bool)}
    kept: list[str] = []
    for word in words:
        before = kept[-1].lstrip("-").replace("-", "_") if kept else ""
        if word in ("True", "False") and before in names and kept[-1].startswith("--"):
            if word == "False":
                kept.pop()
            continue
        kept.append(word)
    return kept


def preset_defaults(config: Any, words: Sequence[str]) -> Any:
    """Return the Config with the defaults of the preset that a command line names, or None.

    Args:
        config: a Config class; ``PRESETS = {"recipe": {"finetune": {"epochs": 20}}}`` makes 20 the
            default of --epochs after ``--recipe finetune``.
        words: arguments of the command line.
    """
    for name, presets in getattr(config, "PRESETS", {}).items():
        chosen = _value_of(f"--{name}", words)
        if chosen in presets:
            required = (f.name for f in fields(config) if f.default is f.default_factory is MISSING)
            values = dict.fromkeys(required, tyro.MISSING)
            return config(**values | {name: chosen} | dict(presets[chosen]))
    return None


def _value_of(flag: str, words: Sequence[str]) -> str | None:
    """Return the last value of a flag, given as ``--flag value`` or ``--flag=value``.

    >>> _value_of("--recipe", ["--recipe", "scratch", "--recipe=finetune"])
    'finetune'
    """
    value = None
    for word, following in zip(words, [*words[1:], None], strict=True):
        if word == flag:
            value = following
        elif word.startswith(f"{flag}="):
            value = word.partition("=")[2]
    return value


def _with_absolute_addresses(config: ConfigT) -> ConfigT:
    absolute: dict[str, Any] = {}
    for name, hint in get_type_hints(type(config), include_extras=True).items():
        if "address" in _annotations(hint):
            value = getattr(config, name)
            if isinstance(value, str):
                absolute[name] = _absolute(name, value)
            elif value is not None:
                absolute[name] = tuple(_absolute(name, one) for one in value)
    return replace(cast(Any, config), **absolute) if absolute else config


def _absolute(field: str, address: str) -> str:
    """Return the absolute address of a field.

    Raises:
        InputError: if the address is empty or is not UTF-8 text.
    """
    flag = f"--{field.replace('_', '-')}"
    if not address:
        raise InputError(f"{flag} is empty; give a path or an s3:// address, or leave it out")
    if not storage.is_text(address):
        raise InputError(f"{flag} {storage.printable(address)} is not UTF-8 text; rename it")
    return storage.absolute(address)


def _annotations(hint: Any) -> set[Any]:
    """Return the annotations of a type hint and of its parts.

    >>> _annotations(tuple[Address, ...] | None)
    {'address'}
    """
    own = getattr(hint, "__metadata__", ())
    return set(own).union(*(_annotations(part) for part in get_args(hint)))


def one_line_errors(main: Main) -> Main:
    """Print an expected error as ``error: ...`` on stderr and return exit code 2.

    Expected errors are ``EmotionError`` and storage failures. Any other exception is a bug and is
    raised. A job that is stopped by Ctrl-C or SIGTERM prints one line; see ``jobs.common.stop``.
    """

    @functools.wraps(main)
    def run(argv: Sequence[str] | None = None) -> int:
        # A file's name may have letters that the terminal's encoding lacks.
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        with stoppable() as stop, Fault() as fault:
            return main(argv)
        if stop.signal:
            return stop.exit_code
        if sys.stderr is not None:  # it may be closed; print would then write to standard output
            print(f"error: {storage.printable(fault.line)}", file=sys.stderr)
        return 2

    return run


_SECRET = re.compile(r"(?<=://)[^/@\s]+(?=@)|(?<=[?&])(password|token|key)=[^&\s]+", re.IGNORECASE)


def masked(text: str) -> str:
    """Return ``text`` with ``***`` for user, password, token and key in each address.

    >>> masked("http://me:secret@host:5000/x and postgresql://h/db?password=secret")
    'http://***@host:5000/x and postgresql://h/db?***'
    """
    return _SECRET.sub("***", text)

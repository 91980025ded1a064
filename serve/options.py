"""Settings of the endpoint, from flags, from ``serve run`` arguments or from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from emotion.errors import InputError
from emotion.predict.engine import Engine

if TYPE_CHECKING:
    from emotion.video.decode import Limits

ENV_PREFIX = "VIDEO_EMOTION_"


class Options(BaseModel):
    """Settings of one replica; the network address is a setting of Ray Serve."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    package: str
    """Model package: a folder, an s3:// prefix or a model.tar.gz."""
    yunet: str | None = None
    """YuNet weights file; default: the cache, else a checked download. For packages made with
    YuNet only."""
    device: str = "auto"
    """Device of the model: auto, cpu or cuda."""
    engine: Engine = "torch"
    """Library that runs the model; onnx runs the package's model.onnx on the CPU."""
    max_mb: float = Field(default=200.0, gt=0)
    """Largest video in MB of 1,000,000 bytes; above 0."""
    max_duration_s: float = Field(default=600.0, gt=0)
    """Longest video in seconds; above 0."""
    max_waiting: int = Field(default=4, ge=0)
    """Videos that may wait in one replica while it scores another, at least 0; more are answered
    503."""
    allow_uri: tuple[str, ...] = ()
    """Prefixes that callers may name as {"uri": ...}: s3://bucket/folder or a local folder.
    Default: none, uploads only."""
    replicas: int = Field(default=1, ge=1)
    """Copies of the model, each in its own process; at least 1."""
    replica_cpus: float = Field(default=1.0, ge=0)
    """CPUs that Ray reserves for each replica; at least 0."""
    replica_gpus: float = Field(default=0.0, ge=0)
    """GPUs that Ray reserves for each replica; at least 0."""

    @property
    def limits(self) -> Limits:
        """Limits of one video."""
        from emotion.video.decode import Limits  # imports PyAV: not for --help

        return Limits(max_bytes=int(self.max_mb * 1e6), max_duration_s=self.max_duration_s)


def options_from(values: Mapping[str, object], environ: Mapping[str, str] = os.environ) -> Options:
    """Read settings from ``values``, and those that are missing from ``VIDEO_EMOTION_<NAME>``.

    Args:
        values: text by name, as ``serve run serve.app:app package=... max_mb=50`` gives it;
            ``allow_uri`` holds prefixes separated by commas.
        environ: the process's environment.

    Raises:
        InputError: on a missing package, an unknown name or a bad value.

    >>> options_from({"package": "p"}, {"VIDEO_EMOTION_ALLOW_URI": "s3://a,s3://b/c"}).allow_uri
    ('s3://a', 's3://b/c')
    """
    named = {
        name: environ[ENV_PREFIX + name.upper()]
        for name in Options.model_fields
        if ENV_PREFIX + name.upper() in environ
    }
    merged: dict[str, object] = {**named, **values}
    prefixes = merged.get("allow_uri", ())
    if isinstance(prefixes, str):
        merged["allow_uri"] = tuple(part for part in prefixes.split(",") if part)
    try:
        return Options.model_validate(merged)
    except ValidationError as err:
        first = err.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"serve: {name}: {first['msg']}; give {name}=... or set {ENV_PREFIX}{name.upper()}"
        ) from err

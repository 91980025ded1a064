"""The endpoint's settings, from flags, from ``serve run`` arguments or from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from emotion.errors import InputError
from emotion.video.decode import Limits

ENV_PREFIX = "VIDEO_EMOTION_"


class Options(BaseModel):
    """What decides how one replica answers; the network address is Ray Serve's own setting."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    package: str
    """Model package: a folder, an s3:// prefix or a model.tar.gz."""
    yunet: str | None = None
    """YuNet weights file; needed only where the package was made with YuNet and the file is not
    in the cache."""
    device: str = "auto"
    """Where the model runs: auto, cpu or cuda."""
    engine: Literal["torch", "onnx"] = "torch"
    """What runs the model; onnx is the package's model.onnx, on the CPU."""
    max_mb: float = Field(default=200.0, gt=0)
    """Largest video, in units of 1,000,000 bytes."""
    max_duration_s: float = Field(default=600.0, gt=0)
    """Longest video, in seconds."""
    max_waiting: int = Field(default=4, ge=0)
    """Videos that may wait in one replica while it scores another; more are answered 503."""
    allow_uri: tuple[str, ...] = ()
    """Prefixes that callers may name as {"uri": ...}: s3://bucket/folder or a local folder. None by
    default: only uploads are answered."""
    replicas: int = Field(default=1, ge=1)
    """Copies of the model, each in its own process."""
    replica_cpus: float = Field(default=1.0, ge=0)
    """CPUs that Ray reserves for each replica."""
    replica_gpus: float = Field(default=0.0, ge=0)
    """GPUs that Ray reserves for each replica."""

    @property
    def limits(self) -> Limits:
        """What one video may cost."""
        return Limits(max_bytes=int(self.max_mb * 1e6), max_duration_s=self.max_duration_s)


def options_from(values: Mapping[str, object], environ: Mapping[str, str] = os.environ) -> Options:
    """Settings by name, and for what is not named there ``VIDEO_EMOTION_<NAME>``.

    Args:
        values: as ``serve run serve.app:app package=... max_mb=50`` gives them, all text;
            ``allow_uri`` holds prefixes between commas.
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

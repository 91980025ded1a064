"""Settings of the endpoint; flags, ``serve run`` arguments or environment variables set them."""

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
    """Settings of the endpoint except its network address, which Ray Serve gets separately."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    package: str | tuple[str, ...] | None = None
    """Model package: a folder, an s3:// prefix or a model.tar.gz. Of several with equal labels and
    extraction spec, the probabilities are averaged.
    Default: $VIDEO_EMOTION_PACKAGE, else the default model for real faces. On a cluster name one
    that all machines can read."""
    yunet: str | None = None
    """File of YuNet's weights, used only for packages made with YuNet.
    Default: $VIDEO_EMOTION_YUNET, then the cache, then a download with a checked SHA-256."""
    device: str = "auto"
    """Device of the model: cpu or cuda; auto takes a GPU if the replica has one, else the CPU."""
    engine: Engine = "torch"
    """Runtime of the model: torch; or onnx, which runs the package's model.onnx on the CPU."""
    max_mb: float = Field(default=200.0, gt=0)
    """Largest video file in MB of 1,000,000 bytes; above 0."""
    max_duration_s: float = Field(default=600.0, gt=0)
    """Longest video in seconds; above 0."""
    max_waiting: int = Field(default=4, ge=0)
    """Number of videos that may wait in one replica while it scores another video, at least 0.
    A request beyond that is answered with status 503."""
    allow_uri: tuple[str, ...] = ()
    """Prefixes (s3://bucket/folder or a local folder) of videos that clients may request.
    A client requests such a video with {"uri": ...}. Default: none, uploads only."""
    replicas: int = Field(default=1, ge=1)
    """Number of replicas, at least 1; each replica is a process with its own copy of the model."""
    replica_cpus: float = Field(default=1.0, ge=0)
    """Number of CPUs that Ray reserves for each replica; at least 0."""
    replica_gpus: float = Field(default=0.0, ge=0)
    """Number of GPUs that Ray reserves for each replica; at least 0, such as 0.5 or 1."""

    @property
    def limits(self) -> Limits:
        """Limits on one video."""
        from emotion.video.decode import Limits  # imports PyAV: not for --help

        return Limits(max_bytes=int(self.max_mb * 1e6), max_duration_s=self.max_duration_s)


def options_from(values: Mapping[str, object], environ: Mapping[str, str] = os.environ) -> Options:
    """Return the settings in ``values``; missing ones come from ``VIDEO_EMOTION_<NAME>``.

    Args:
        values: settings as text by name, such as those of ``serve run serve.app:app package=...
            max_mb=50``; ``allow_uri`` holds prefixes separated by commas, ``package`` may hold
            several addresses separated by commas.
        environ: environment variables.

    Raises:
        InputError: if a name is unknown or a value is wrong.

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
    package = values.get("package")
    if isinstance(package, str) and "," in package:
        merged["package"] = tuple(part for part in package.split(",") if part)
    try:
        return Options.model_validate(merged)
    except ValidationError as err:
        first = err.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"serve: {name}: {first['msg']}; give {name}=... or set {ENV_PREFIX}{name.upper()}"
        ) from err

"""The Ray Serve application.

    serve run serve.app:app package=RUN/package
    VIDEO_EMOTION_PACKAGE=s3://bucket/run/package serve run serve.app:app

Nothing is loaded at import: each replica loads the model when it starts.
"""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI
from ray import serve
from ray.serve import Application

from serve.options import Options, options_from
from serve.scoring import VideoScorer, load_scorer
from serve.web import create_web

Load = Callable[[Options], VideoScorer]

# The app counts the videos that wait for its model and answers 503 in its own JSON. Ray's limits
# are higher, so that /healthz and the page are answered while the model is busy.
SPARE_REQUESTS = 32
"""Requests that a replica takes beyond those that score or wait."""
QUEUED_REQUESTS = 64
"""Requests that Ray Serve holds when all replicas are full."""


def check_package(options: Options) -> None:
    """Read the package once, so that a wrong one is an error here and not in a replica.

    Raises:
        PackageError: if the package cannot be read, or lacks the file that the engine runs.
    """
    from emotion.predict.predictor import load_parts  # imports PyTorch

    load_parts(options.package, options.engine)


@serve.ingress()
class Endpoint:
    """One replica: loads the model, then gives the web app to Ray Serve."""

    def __init__(self, options: Options, load: Load) -> None:
        self.options, self.scorer = options, load(options)

    def __serve_build_asgi_app__(self) -> FastAPI:
        """Return the web app; Ray Serve calls this once after ``__init__``."""
        return create_web(
            self.scorer,
            limits=self.options.limits,
            prefixes=self.options.allow_uri,
            max_waiting=self.options.max_waiting,
        )


def application(options: Options, *, load: Load = load_scorer) -> Application:
    """Return the deployment with its limits.

    A replica that cannot load its model fails after one try.

    Args:
        options: the endpoint's settings.
        load: returns the loaded model; tests give a plain object.
    """
    configure = serve.deployment(
        name="video-emotion",
        num_replicas=options.replicas,
        ray_actor_options={"num_cpus": options.replica_cpus, "num_gpus": options.replica_gpus},
        max_ongoing_requests=1 + options.max_waiting + SPARE_REQUESTS,
        max_queued_requests=QUEUED_REQUESTS,
        max_constructor_retry_count=1,
        graceful_shutdown_timeout_s=60,
    )
    bound: Application = configure(Endpoint).bind(options, load)
    return bound


def app(args: dict[str, str]) -> Application:
    """Return the application for ``serve run serve.app:app NAME=VALUE ...``.

    Args:
        args: fields of ``serve.options.Options``, all text.

    Raises:
        InputError: on a bad setting or a package that cannot be read.
    """
    options = options_from(args)
    check_package(options)
    return application(options)

"""The Ray Serve application.

    serve run serve.app:app package=RUN/package
    VIDEO_EMOTION_PACKAGE=s3://bucket/run/package serve run serve.app:app

The import of this module loads no model. Each replica loads the model when it starts.
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

# The web app counts the videos that wait for its model, and answers 503 with a JSON body if there
# are too many. Ray's limits are higher, so that /healthz and the page work while the model is busy.
SPARE_REQUESTS = 32
"""Number of requests that a replica accepts in addition to the one scored and those waiting."""
QUEUED_REQUESTS = 64
"""Number of requests that Ray Serve queues when all replicas are full."""


def check_package(options: Options) -> None:
    """Read the package once, so that an error appears here and not in a replica.

    Raises:
        PackageError: if the package cannot be read, or lacks the model file of the engine.
    """
    from emotion.predict.predictor import load_parts  # imports PyTorch

    load_parts(options.package, options.engine)


@serve.ingress()
class Endpoint:
    """One replica: it loads the model and gives its web app to Ray Serve."""

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
    """Return the Ray Serve application with the limits of ``options``.

    A replica that cannot load its model fails after one try.

    Args:
        options: settings of the endpoint.
        load: function that returns the loaded model; tests pass another one.
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
        args: fields of ``serve.options.Options`` by name, all as text.

    Raises:
        InputError: if a setting is wrong or the package cannot be read.
    """
    options = options_from(args)
    check_package(options)
    return application(options)

"""The Ray Serve application.

    serve run serve.app:app
    serve run serve.app:app package=RUN/package
    VIDEO_EMOTION_PACKAGE=s3://bucket/run/package serve run serve.app:app

The import of this module loads no model. Each replica loads the model when it starts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI
from ray import serve
from ray.serve import Application

from emotion import storage
from emotion.published.default import find_default_package
from emotion.published.describe import describe_model
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


def with_package(options: Options) -> tuple[Options, str]:
    """Read the package once, so that an error appears here and not in a replica.

    Returns:
        The options with the address of the package, which is that of the default one if they name
        none, and a line about the model.

    Raises:
        InputError: if no package is named and there is no default one.
        PackageError: if the package cannot be read, or lacks the model file of the engine.
    """
    from emotion.predict.predictor import load_parts  # imports PyTorch

    address = options.package or find_default_package()
    package, _ = load_parts(address, options.engine)
    names = [address] if isinstance(address, str) else address
    absolute = tuple(storage.absolute(name) for name in names)  # replicas have another folder
    update = {
        "package": absolute[0] if isinstance(address, str) else absolute,
        "yunet": options.yunet and storage.absolute(options.yunet),
        "allow_uri": tuple(
            str(Path(prefix).absolute()) if storage.is_local(prefix) else prefix
            for prefix in options.allow_uri
        ),
    }
    return options.model_copy(update=update), describe_model(package)


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
    options, line = with_package(options_from(args))
    logging.getLogger("ray.serve").info(line)
    return application(options)

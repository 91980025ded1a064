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
from serve.scoring import VideoScorer
from serve.web import create_web

Load = Callable[[Options], VideoScorer]

# Waiting for the model is counted by the app itself, which answers 503 in its own JSON. Ray's
# limits only have to be above that, so that /healthz and the page are answered while it is busy.
SPARE_REQUESTS = 32
QUEUED_REQUESTS = 64


def load_scorer(options: Options) -> VideoScorer:
    """The package's model and the face detector that its extraction spec names."""
    from emotion.predict.video import load_video_predictor  # torch: replicas only

    return load_video_predictor(
        options.package,
        yunet_weights=options.yunet,
        device=options.device,
        engine=options.engine,
        limits=options.limits,
    )


def check_package(options: Options) -> None:
    """Make a wrong package one clear line here instead of a replica that dies.

    Raises:
        PackageError: if the package cannot be read, or lacks what the engine runs.
    """
    from emotion.predict.predictor import load_parts  # torch

    load_parts(options.package, options.engine)


@serve.ingress()
class Endpoint:
    """One replica: loads the model, then hands the web app to Ray Serve."""

    def __init__(self, options: Options, load: Load) -> None:
        self.options, self.scorer = options, load(options)

    def __serve_build_asgi_app__(self) -> FastAPI:
        """Called once by Ray Serve after ``__init__``."""
        return create_web(
            self.scorer,
            limits=self.options.limits,
            prefixes=self.options.allow_uri,
            max_waiting=self.options.max_waiting,
        )


def application(options: Options, *, load: Load = load_scorer) -> Application:
    """The deployment with its limits set; ``load`` is the seam to the model.

    A replica that cannot load its model fails at once instead of being tried again and again.
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
    """Entry of ``serve run serve.app:app``; see ``serve.options`` for the names.

    Raises:
        InputError: on a bad setting or a package that cannot be read.
    """
    options = options_from(args)
    check_package(options)
    return application(options)

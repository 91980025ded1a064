"""The core: plain functions on arrays and files, from a video to the expressions its faces show.

Folders:

* ``storage`` reads and writes local files and objects on S3;
* ``video`` turns a file into frames with their times;
* ``extract`` turns frames into faces, tracks and clips;
* ``corpora`` and ``synth`` make label tables and the drawn demo corpus;
* ``validate`` holds the rules that a dataset must keep;
* ``models``, ``package`` and ``train`` turn clips into a model package;
* ``predict`` turns a video and a package into an answer;
* ``evaluate`` compares answers with labels;
* ``report`` and ``export`` write pages, subtitles, annotations and videos;
* ``analysis`` does all of it for one video in one call.

Nothing here imports Ray, an AWS SDK or a web framework. The names in ``__all__`` are the Python API
(docs/python.md). Each is imported at its first use, so ``import emotion`` loads no large package.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

# onnxruntime reads it when it is imported. Otherwise it sends usage data and keeps an id.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if TYPE_CHECKING:
    from emotion.analysis.analyzer import Analyzer, analyze
    from emotion.analysis.archive import Scores, read_scores
    from emotion.analysis.result import Result
    from emotion.errors import InputError, VideoError
    from emotion.evaluate.evaluation import evaluate_outcomes
    from emotion.evaluate.score_set import join_labels, read_predictions
    from emotion.export.subtitles import subtitles
    from emotion.extract.extractor import Extractor
    from emotion.extract.walk import VideoSummary
    from emotion.label_table import read_label_table
    from emotion.package.model_package import load_package
    from emotion.predict.predictor import Predictor
    from emotion.predict.spans import spans_of
    from emotion.predict.video import VideoPredictor, load_video_predictor
    from emotion.storage import read_tables

__all__ = [
    "Analyzer",
    "Extractor",
    "InputError",
    "Predictor",
    "Result",
    "Scores",
    "VideoError",
    "VideoPredictor",
    "VideoSummary",
    "analyze",
    "evaluate_outcomes",
    "join_labels",
    "load_package",
    "load_video_predictor",
    "read_label_table",
    "read_predictions",
    "read_scores",
    "read_tables",
    "spans_of",
    "subtitles",
]

_MODULE_OF = {
    "Analyzer": "emotion.analysis.analyzer",
    "Extractor": "emotion.extract.extractor",
    "InputError": "emotion.errors",
    "Predictor": "emotion.predict.predictor",
    "Result": "emotion.analysis.result",
    "Scores": "emotion.analysis.archive",
    "VideoError": "emotion.errors",
    "VideoPredictor": "emotion.predict.video",
    "VideoSummary": "emotion.extract.walk",
    "analyze": "emotion.analysis.analyzer",
    "evaluate_outcomes": "emotion.evaluate.evaluation",
    "join_labels": "emotion.evaluate.score_set",
    "load_package": "emotion.package.model_package",
    "load_video_predictor": "emotion.predict.video",
    "read_label_table": "emotion.label_table",
    "read_predictions": "emotion.evaluate.score_set",
    "read_scores": "emotion.analysis.archive",
    "read_tables": "emotion.storage",
    "spans_of": "emotion.predict.spans",
    "subtitles": "emotion.export.subtitles",
}


def __getattr__(name: str) -> object:
    """Import a public name at its first use.

    Raises:
        AttributeError: if ``name`` is not in ``__all__``.
    """
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULE_OF[name]), name)

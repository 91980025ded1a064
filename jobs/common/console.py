"""The console command: every job by one name, and ``predict`` for a single file.

    video-emotion VERB [options]

A verb's module is imported when the verb is asked for, so that ``video-emotion predict`` works
where Ray, boto3 and Great Expectations are not installed.
"""

from __future__ import annotations

import importlib
import runpy
import sys
from collections.abc import Sequence

JOBS = {
    "make-corpus": "render a small labelled corpus of drawn faces",
    "import-corpus": "a known corpus, by its names and lists, to a label table",
    "build-dataset": "videos and labels to frame, face and clip datasets",
    "validate-dataset": "check a dataset and say what is wrong with it",
    "train": "a dataset to a model package",
    "tune": "search for a better training recipe, judged on val",
    "export-onnx": "a package's model for onnxruntime, checked equal",
    "score": "an archive of videos to scores per clip and per video",
    "export": "scores to tables, subtitles, annotations, videos and pages",
    "drift": "what a score set shows against what its model was trained on",
    "evaluate": "scores and labels to metrics and plots",
    "crossval": "train and test once per fold of a dataset",
    "compare": "several evaluations of one test set, side by side",
    "sagemaker": "the same on Amazon SageMaker: train, deploy, transform",
    "demo": "all of these once, on a corpus that the project draws",
    "predict": "one video, without Ray: its label and timeline",
}
SERVE = "answer over HTTP, with a page to try it"


def usage() -> str:
    """The verbs, a line each."""
    lines = [f"  {verb:17} {what}" for verb, what in (JOBS | {"serve": SERVE}).items()]
    return "\n".join(
        ["usage: video-emotion VERB [options]", "", *lines, "", "video-emotion VERB --help"]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; 2 when there is no such verb."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    verb = arguments[0] if arguments else ""
    if verb in ("-h", "--help"):
        print(usage())
        return 0
    if verb == "serve":
        return _run_serve(arguments[1:])
    if verb not in JOBS:
        what = f"no verb {verb!r}" if verb else "no verb given"
        print(f"error: {what}; take one of {', '.join(JOBS)}, serve", file=sys.stderr)
        return 2
    module = importlib.import_module(f"jobs.{verb.replace('-', '_')}")
    return int(module.main(arguments[1:]))


def _run_serve(arguments: list[str]) -> int:
    """Start ``python -m serve`` in this process, as a program: jobs use nothing of it."""
    sys.argv = ["video-emotion serve", *arguments]
    runpy.run_module("serve", run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

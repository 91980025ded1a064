"""The console command ``video-emotion``, which runs every verb.

    video-emotion VERB [options]

Only the module of the named verb is imported, so that ``video-emotion predict`` works without Ray,
boto3 and Great Expectations.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
import runpy
import sys
from collections.abc import Sequence

JOBS = {
    "make-corpus": "render a small labelled corpus of drawn faces",
    "import-corpus": "make a label table of a known corpus",
    "import-model": "make a model package of a published network",
    "build-dataset": "make frame, face and clip datasets of videos and labels",
    "validate-dataset": "check a dataset and list its faults",
    "train": "train a model package on a dataset",
    "tune": "search for a better training recipe, judged on val",
    "export-onnx": "convert a package's model for onnxruntime and compare both",
    "pack": "pack a model package into one model.tar.gz, as SageMaker takes it",
    "score": "score an archive of videos, per clip and per video",
    "export": "write scores as tables, subtitles, annotations, videos and pages",
    "drift": "compare a score set with the training data of its model",
    "evaluate": "compute metrics and plots of scores and labels",
    "crossval": "train and test once per fold of a dataset",
    "compare": "compare several evaluations of one test set",
    "sagemaker": "train, deploy and transform on Amazon SageMaker",
    "demo": "run all steps once, on a corpus that the project draws",
    "predict": "label videos on this machine and print or write the answers, without Ray",
}
SERVE = "answer requests over HTTP, with a web page"

EXIT_CODES = {
    "0": "done",
    "1": "done, but a rule failed, or a file could not be written; the output says which",
    "2": "refused or failed, with one line on stderr; jobs go on with the same command",
    "130, 143": "stopped by Ctrl-C or SIGTERM; the same command goes on",
}
"""Exit codes of every verb, and their meaning."""


def usage() -> str:
    """Return the help text, with one line per verb."""
    lines = [f"  {verb:17} {summary}" for verb, summary in (JOBS | {"serve": SERVE}).items()]
    codes = [f"  {code:17} {meaning}" for code, meaning in EXIT_CODES.items()]
    head = [
        "usage: video-emotion VERB [options]",
        "       video-emotion --version",
        "       video-emotion completion bash|zsh",
    ]
    return "\n".join(
        [*head, "", *lines, "", "exit codes:", *codes, "", "video-emotion VERB --help"]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code; return 2 for an unknown or missing verb."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    verb = arguments[0] if arguments else ""
    if verb in ("-h", "--help"):
        print(usage())
        return 0
    if verb == "--version":
        print(f"video-emotion {importlib.metadata.version('video-emotion')}")
        return 0
    if verb == "completion":
        return _complete(arguments[1:])
    if verb == "serve":
        return _run_serve(arguments[1:])
    name = verb.replace("_", "-")  # both spellings, as in python -m jobs.build_dataset
    if name not in JOBS:
        fault = f"no verb {verb!r}" if verb else "no verb given"
        near = difflib.get_close_matches(name, [*JOBS, "serve"], n=1)
        fault += f", did you mean {near[0]}?" if near else ""
        print(f"error: {fault}; take one of {', '.join(JOBS)}, serve", file=sys.stderr)
        return 2
    module = importlib.import_module(f"jobs.{name.replace('-', '_')}")
    return int(module.main(arguments[1:]))


def _complete(arguments: list[str]) -> int:
    """Print the completion script of a shell."""
    from jobs.common.completion import SHELLS, print_completion  # imports the flags of all verbs

    if len(arguments) != 1 or arguments[0] not in SHELLS:
        print(f"error: video-emotion completion takes one of {', '.join(SHELLS)}", file=sys.stderr)
        return 2
    print_completion(arguments[0])
    return 0


def _run_serve(arguments: list[str]) -> int:
    """Run ``python -m serve`` in this process; by name, because jobs must not import serve."""
    sys.argv = ["video-emotion serve", *arguments]
    runpy.run_module("serve", run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

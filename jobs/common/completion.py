"""Completion of ``video-emotion`` in a shell: verbs, flags, choices and files."""

from __future__ import annotations

import importlib
from typing import Any

from tyro.extras import subcommand_cli_from_dict

SHELLS = ("bash", "zsh")
CONFIGS = {
    "make-corpus": "jobs.make_corpus:Config",
    "import-corpus": "jobs.import_corpus:Config",
    "import-model": "jobs.import_model:Config",
    "build-dataset": "jobs.building.options:Config",
    "validate-dataset": "jobs.validate_dataset:Config",
    "train": "jobs.training.options:Config",
    "tune": "jobs.tuning.options:Config",
    "export-onnx": "jobs.export_onnx:Config",
    "pack": "jobs.pack:Config",
    "score": "jobs.scoring.options:Config",
    "export": "jobs.exporting.options:Config",
    "drift": "jobs.drift:Config",
    "evaluate": "jobs.evaluating.options:EvaluateConfig",
    "crossval": "jobs.folds.options:Config",
    "compare": "jobs.evaluating.options:CompareConfig",
    "sagemaker": "jobs.sagemaker:Verb",
    "demo": "jobs.demo:Config",
    "predict": "jobs.predicting.options:Config",
    "serve": "serve.__main__:Flags",
}
"""Module and name of the flags of each verb of ``video-emotion``.

Names, because a room may not import verbs, and jobs may not import serve.
"""


def print_completion(shell: str) -> None:
    """Print the script that completes the command in a shell, one of ``SHELLS``."""
    configs: dict[str, Any] = {}
    for verb, place in CONFIGS.items():
        module, _, name = place.partition(":")
        configs[verb] = getattr(importlib.import_module(module), name)
    try:
        subcommand_cli_from_dict(
            configs, prog="video-emotion", args=["--tyro-print-completion", shell]
        )
    except SystemExit as ended:  # tyro prints the script and exits
        if ended.code:
            raise

"""Run a SageMaker training job: the container's ``train`` command around ``jobs.train``.

    video-emotion-sagemaker-train                        (in the container: /opt/ml)
    python -m jobs.sagemaker_train --root DIR            (anywhere)

Reads the hyperparameters: flags of ``jobs.train`` without the leading dashes. Reads the dataset
from the channel ``dataset``, or builds one from the channel ``videos``, which holds videos and
labels.csv. Writes checkpoints to checkpoints/, the package to model/, and the reason for a failure
to output/failure.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jobs.common.command import parse


@dataclass(frozen=True)
class Config:
    """Folder of SageMaker's files.

    Attributes:
        root: Folder that holds SageMaker's input/, model/, output/ and checkpoints/; default:
            $SM_ROOT, else /opt/ml.
    """

    root: Path = field(default_factory=lambda: Path(os.environ.get("SM_ROOT", "/opt/ml")))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; return 0. After any failure write output/failure and return 1."""
    words = list(sys.argv[1:] if argv is None else argv)
    words = words[1:] if words[:1] == ["train"] else words  # SageMaker passes the word "train"
    config = parse(Config, words, verb="jobs.sagemaker_train", doc=__doc__)
    from jobs.aws import container  # imports Ray and PyTorch: not for --help

    return container.run(container.Tree(config.root))


if __name__ == "__main__":
    raise SystemExit(main())

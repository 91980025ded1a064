"""Run every step on a corpus that the project draws: corpus, build, train, score, evaluate.

python -m jobs.demo --out demo

Everything runs on this machine. Each step is a job. The demo prints the command of each step before
it runs the step. Run the same command again to do only the missing work.
"""

from __future__ import annotations

import importlib
import os
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from emotion import storage
from emotion.errors import InputError
from emotion.labels import LABELS
from emotion.splits import assign_split
from jobs.common.command import one_line_errors, parse

SPLIT_SEED = 6  # splits 16 subjects into 11, 2 and 3, which is nearest to 70/15/15


@dataclass(frozen=True)
class Config:
    """Size and output folder of the demo.

    Attributes:
        out: Local folder for all results.
        subjects: Number of drawn people, at least 1; each acts the seven expressions once. With 16
            or more people the test split is not empty, which the demo needs.
        seed: Random seed of the drawn people, at least 0.
        detector: Face detector: yunet, dlib, or auto, which takes yunet if its weights are
            available, else dlib.
        epochs: Number of training epochs, at least 1; 30 are enough for these few clear clips.
    """

    out: str = "demo"
    subjects: int = 16
    seed: int = 1
    detector: Literal["auto", "yunet", "dlib"] = "auto"
    epochs: int = 30


def step(job: str, **flags: object) -> None:
    """Run one job in this process; its flags are those of ``python -m jobs.JOB``.

    Raises:
        SystemExit: with the job's exit code, if it is not 0.
    """
    argv = [
        part
        for name, value in flags.items()
        if value is not None
        for part in (f"--{name.replace('_', '-')}", str(value))
    ]
    print(f"\n$ python -m jobs.{job} {shlex.join(argv)}", flush=True)
    code = int(importlib.import_module(f"jobs.{job}").main(argv))
    if code:
        raise SystemExit(code)


def run(config: Config) -> None:
    """Run every step, draw the timeline, and print the results."""
    # Imported here, not at the top: --help and the rendering processes import this module.
    from emotion.report import demo_picture
    from jobs.common.runner import prepare

    prepare("auto", None, "jobs.building.worker", "jobs.scoring.shard")
    began = time.monotonic()
    subject = held_out_subject(config.subjects)
    out = Path(config.out)
    corpus, scores, package = out / "corpus", out / "scores", out / "run" / "package"
    labels = corpus / "labels.csv"
    step("make_corpus", out=corpus, subjects=config.subjects, seed=config.seed)
    step(
        "build_dataset",
        videos=corpus,
        labels=labels,
        out=out / "dataset",
        split_seed=SPLIT_SEED,
        detector=_detector(out / "dataset", config),
    )
    step("train", dataset=out / "dataset", out=out / "run", epochs=config.epochs)
    step("score", videos=corpus, package=package, out=scores)
    step("evaluate", scores=scores, labels=labels, out=out / "eval", split_seed=SPLIT_SEED)
    print("\ndrawing a timeline of one held-out person", flush=True)
    demo_picture.draw(out, package, seed=config.seed, subject=subject)
    print("\n".join(closing_lines(out, seconds=time.monotonic() - began)))


def _detector(dataset: Path, config: Config) -> str:
    """Return the detector of an earlier run, so that ``auto`` does not decide again."""
    spec = dataset / "spec.json"
    if config.detector == "auto" and spec.is_file():
        return str(storage.read_json(str(spec))["detector"])
    return config.detector


def held_out_subject(num_subjects: int) -> int:
    """Return the number of the first subject in the test split.

    Raises:
        InputError: if no subject is in the test split.

    >>> held_out_subject(16)
    7
    """
    from emotion.synth.clip import subject_name  # imports OpenCV and PyAV: not for --help

    for subject in range(num_subjects):
        if assign_split(subject_name(subject), seed=SPLIT_SEED) == "test":
            return subject
    raise InputError(f"--subjects {num_subjects} puts no subject into test; give 16 or more")


def closing_lines(out: Path, *, seconds: float) -> list[str]:
    """Return lines about the results, the held-out accuracy and the next commands."""
    metrics = storage.read_json(str(out / "eval" / "metrics.json"))
    python = os.path.relpath(sys.executable)
    package = out / "run" / "package"
    return [
        "",
        f"The demo took {seconds:.0f} s. It made:",
        f"  {out}/corpus        drawn videos and labels.csv",
        f"  {out}/dataset       frames, faces and clips as Parquet; open report.html",
        f"  {out}/run/package   the model, with its card",
        f"  {out}/scores        a row per clip and per video; open report.html",
        f"  {out}/eval          metrics.json, confusion.png, report.html",
        f"  {out}/timeline.png  one person over time",
        "",
        f"Accuracy on {metrics['n_subjects']} people and {metrics['n_videos']} videos that "
        "training never saw:",
        f"  WAR (share that is right)       {_figure(metrics, 'war')}",
        f"  UAR (mean over the labels)      {_figure(metrics, 'uar')}",
        f"  Guessing gives {1 / len(LABELS):.2f}. Drawn faces say nothing about real people.",
        "",
        "Try next:",
        f"  {python} -m jobs.predict {out}/reel.mp4 --package {package}",
        f"  {python} -m serve --package {package}   # then open http://127.0.0.1:8000/",
        f"  {python} -m jobs.score --videos YOUR_VIDEOS --package {package} --out YOUR_SCORES",
        f"  {python} -m jobs.build_dataset --videos YOUR_VIDEOS --labels YOUR.csv --out DATASET",
    ]


def _figure(metrics: dict[str, Any], name: str) -> str:
    """Return a metric with its 95% interval.

    >>> _figure({"war": 0.5, "war_interval": [0.25, 0.75]}, "war")
    '0.50, 95% interval 0.25 to 0.75'
    """
    interval = metrics[f"{name}_interval"]
    text = f"{metrics[name]:.2f}"
    return f"{text}, 95% interval {interval[0]:.2f} to {interval[1]:.2f}" if interval else text


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo; return 0 if every step succeeds."""
    run(parse(Config, argv, verb="jobs.demo", doc=__doc__))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

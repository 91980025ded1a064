"""Drawn corpus: a folder of labelled videos in which every subject acts every expression once."""

from __future__ import annotations

import contextlib
import csv
import json
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path

import cv2

from emotion.errors import InputError
from emotion.labels import LABELS, class_index
from emotion.synth.clip import ClipFacts, encode_video, plan_clip, render_frames, subject_name
from emotion.synth.face import Head
from emotion.synth.identity import make_identity

LABEL_TABLE = "labels.csv"
CONFIG = "config.json"
RENDERER = 1  # version; raise it if the same arguments give other frames
COLUMNS: tuple[str, ...] = ("uri", *(field.name for field in fields(ClipFacts)), "domain")
DOMAIN = "drawn"  # kind of faces; see emotion.package.trust
Row = tuple[str, ClipFacts]

_BLAS_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def write_corpus(
    out: Path,
    *,
    subjects: int,
    seed: int,
    workers: int | None = None,
    labels: Sequence[str] = LABELS,
) -> Path:
    """Render one video per subject and label, then write their label table.

    The table's uris are relative to ``out``. After an interrupted run, the same call renders all
    videos again. A complete corpus is not changed.

    Args:
        out: a folder that is new, empty, or was made with the same arguments.
        subjects: number of people, at least 1.
        seed: at least 0; another seed gives other people.
        workers: number of processes, at least 1; None starts one per CPU.
        labels: the expressions to act, some of ``LABELS``.

    Returns:
        The path of ``labels.csv``.

    Raises:
        InputError: if an argument is out of range or ``out`` holds other files.
        OSError: if a file cannot be written; then ``labels.csv`` does not exist.
    """
    workers = (os.cpu_count() or 1) if workers is None else workers
    _check_at_least("subjects", subjects, 1)
    _check_at_least("seed", seed, 0)
    _check_at_least("workers", workers, 1)
    for label in labels:
        class_index(label, LABELS)
    table = out / LABEL_TABLE
    made_of = {"renderer": RENDERER, "seed": seed, "subjects": subjects, "labels": list(labels)}
    _claim(out, json.dumps(made_of) + "\n")
    if table.exists():
        return table
    render = partial(render_subject, out, seed, tuple(labels))
    context = multiprocessing.get_context("spawn")  # safe with the threads of a Ray driver
    with (
        _one_blas_thread(),
        ProcessPoolExecutor(min(workers, subjects), context, _one_thread) as pool,
    ):
        rows = list(pool.map(render, range(subjects)))
    write_table(table, [row for per_subject in rows for row in per_subject])
    return table


def render_subject(out: Path, seed: int, labels: tuple[str, ...], subject: int) -> list[Row]:
    """Write one subject's videos below ``out``; return (uri, facts) of each, as in ``labels``."""
    name = subject_name(subject)
    (out / "videos" / name).mkdir(parents=True, exist_ok=True)
    head = Head(make_identity(seed=seed, subject=subject))
    rows = []
    for label in labels:
        plan = plan_clip(seed=seed, subject=subject, label=label)
        uri = f"videos/{name}/{name}_{label}.mp4"
        encode_video(render_frames(plan, head), out / uri, facts=plan.facts)
        rows.append((uri, plan.facts))
    return rows


def write_table(path: Path, rows: list[Row]) -> None:
    """Write the label table; the file gets its name after it is complete."""
    part = path.with_name(f".{path.name}.part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({"uri": uri, **asdict(facts), "domain": DOMAIN} for uri, facts in rows)
    part.replace(path)


def _check_at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise InputError(f"--{name} must be at least {least}, got {value}")


def _claim(out: Path, config: str) -> None:
    """Write ``config.json`` into a new or empty folder, or check that the existing one is equal."""
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file, must be a folder")
    path = out / CONFIG
    if path.is_file():
        stored = path.read_text(encoding="utf-8")
        if stored != config:
            raise InputError(
                f"--out {out} holds a corpus made with {stored.strip()}, not {config.strip()}; "
                "name another folder"
            )
        return
    out.mkdir(parents=True, exist_ok=True)
    if any(out.iterdir()):
        raise InputError(f"--out {out} is not empty and holds no corpus; name a new folder")
    path.write_text(config, encoding="utf-8")


@contextlib.contextmanager
def _one_blas_thread() -> Iterator[None]:
    """Let each process that is started in this block use one BLAS thread.

    numpy reads the environment variables at import. With the default, two processes on two cores
    render 55 frames/s instead of 130, because waiting threads use the CPU.
    """
    before = {name: os.environ.get(name) for name in _BLAS_THREADS}
    os.environ.update(dict.fromkeys(_BLAS_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _one_thread() -> None:
    """Let OpenCV use one thread in this process, because the processes run in parallel."""
    cv2.setNumThreads(1)

"""Prediction for one video after the other: print the answers, or write a file for each."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from emotion import storage
from emotion.analysis.result import Result
from emotion.analysis.save import answer_json, csv_bytes
from emotion.errors import InputError
from jobs.common.faults import Fault
from jobs.predicting.inputs import output_names, videos_of
from jobs.predicting.options import SUFFIXES, Config
from jobs.predicting.text import answer_lines


def run(config: Config) -> int:
    """Predict every video; return 0, or 2 if a video could not be used.

    A video that cannot be used costs one line on stderr; the others are predicted.

    Raises:
        InputError: if the package cannot be used, or --out is a file.
    """
    if config.out is not None and storage.is_file(config.out):
        raise InputError(f"--out {config.out} is a file; name a folder")
    videos, num_failed = _listed(config.videos)
    if not videos:
        return 2
    from emotion.analysis.analyzer import Analyzer  # imports torch: 3 s

    analyzer = Analyzer(
        config.package or None,
        device=config.device,
        sample_fps=config.sample_fps,
        margin=config.margin,
        baseline=config.baseline,
        engine=config.engine,
        yunet_weights=config.yunet,
    )
    if not config.quiet:
        prints_text = config.out is not None or config.format == "table"
        lines = "\n".join(analyzer.model_lines())
        print(lines, file=sys.stdout if prints_text else sys.stderr, flush=True)
    num_done = 0
    for number, (video, name) in enumerate(zip(videos, output_names(videos), strict=True)):
        title = f"{number + 1}/{len(videos)} {name}" if len(videos) > 1 else name
        with Fault() as fault:
            result = analyzer.analyze(video, people=config.people, title=storage.printable(title))
            text = _text(result, config, name, is_first=num_done == 0)
        if fault.line:
            num_failed += 1
            _report(f"video {video} cannot be used: {fault.line}")
        else:
            num_done += 1
            print(text, end="", flush=True)
    if num_failed and num_done:
        _report(f"{num_failed:,} could not be used, {num_done:,} answered")
    return 2 if num_failed else 0


def _listed(arguments: Sequence[str]) -> tuple[list[str], int]:
    """Return the videos, each once, and the number of arguments and entries that
    are none."""
    videos: dict[str, str] = {}
    num_failed = 0
    for argument in arguments:
        with Fault() as fault:
            for video in videos_of(argument):
                if isinstance(video, storage.Unreadable):
                    num_failed += 1
                    _report(f"video {video.uri} cannot be used: {video.reason}: {video.detail}")
                else:
                    videos.setdefault(storage.absolute(video), video)
        if fault.line:
            num_failed += 1
            _report(fault.line)
    return list(videos.values()), num_failed


def _text(result: Result, config: Config, name: str, *, is_first: bool) -> str:
    """Return the text to print about a result; with ``--out`` write its file first."""
    if config.out is None:
        return _printed(result, config, is_first=is_first)
    path = storage.join(config.out, *storage.file_parts(name, SUFFIXES[config.format]))
    if config.format == "table":
        storage.write_bytes(path, _lines(result).encode())
    else:
        result.save(path)
    return f"{storage.printable(path)}: {result.head()}\n"


def _printed(result: Result, config: Config, *, is_first: bool) -> str:
    if config.format == "csv":
        return csv_bytes(result.tables["timeline"], header=is_first).decode()
    if config.format == "json":  # one line a video, so that a stream can be read line by line
        return json.dumps(answer_json(result), allow_nan=False) + "\n"
    return _lines(result)


def _lines(result: Result) -> str:
    return "".join(f"{storage.printable(line)}\n" for line in answer_lines(result))


def _report(line: str) -> None:
    if sys.stderr is not None:  # it may be closed; print would then write to standard output
        print(f"error: {storage.printable(line)}", file=sys.stderr, flush=True)

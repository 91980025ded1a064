"""Trial reading of a video in a child process, for shards whose worker died before.

    python -m jobs.reading.first_look SPEC.json [YUNET]

The child reads lines ``[path, start, stop]`` from standard input. It processes the samples of each
line and then prints one line: "read", or the reason of a VideoError. If a file crashes or blocks
the child, the video becomes a reject and the job continues.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType

from emotion.errors import VideoError
from emotion.extract.extractor import Extractor
from emotion.extract.spec import ExtractionSpec
from emotion.video.decode import Limits, VideoFacts


class FirstLook:
    """Child process that reads videos before the worker does.

    It starts with the first file, and again with the next file after it has ended.

    Attributes:
        process: the running child; None before the first file and after the child has ended.
    """

    def __init__(self, spec: ExtractionSpec, yunet_model: bytes | None, *, limits: Limits) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="video-emotion-first-look-")
        self._limits = limits
        folder = Path(self._folder.name)
        (folder / "spec.json").write_text(json.dumps(spec.to_json()))
        self._command = [sys.executable, "-m", "jobs.reading.first_look", str(folder / "spec.json")]
        if yunet_model is not None:
            (folder / "yunet").write_bytes(yunet_model)
            self._command.append(str(folder / "yunet"))
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> FirstLook:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, at: TracebackType | None
    ) -> None:
        self._end()
        self._folder.cleanup()

    def look(self, path: Path, *, start: int = 0, stop: int | None = None) -> None:
        """Process the samples [start, stop) of a file in the child process.

        Args:
            path: local video file.
            start: number of the first sample.
            stop: number after the last sample; None: the end of the video.

        Raises:
            VideoError: with reason crashed or timeout. Other errors of the file are not raised
                here; the caller gets them when it reads the file itself.
        """
        process = self.process = self.process or self._start()
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the child process has no pipes")
        try:
            process.stdin.write(json.dumps([str(path), start, stop]) + "\n")
            process.stdin.flush()
            answer = _line_within(process, self._limits.max_wall_s)
        except BrokenPipeError:
            answer = ""
        if answer is None:
            self._end()
            limit = f"{self._limits.max_wall_s:g} s"
            raise VideoError("timeout", f"not read within the limit of {limit}")
        if not answer:
            code = process.wait()
            self._end()
            raise VideoError("crashed", f"reading it ended a process with exit code {code}")

    def _start(self) -> subprocess.Popen[str]:
        path = os.pathsep.join(p for p in sys.path if p)
        return subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"PYTHONPATH": path},
        )

    def _end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


def _line_within(process: subprocess.Popen[str], seconds: float) -> str | None:
    """Return the next line of output, or "" at its end; None if none comes in ``seconds``."""
    if process.stdout is None:
        raise RuntimeError("the child process has no pipes")
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        return process.stdout.readline() if selector.select(seconds) else None


def main() -> int:
    """Process the file of every line of standard input; return 0 at its end."""
    spec = ExtractionSpec.from_json(json.loads(Path(sys.argv[1]).read_text()))
    model = Path(sys.argv[2]).read_bytes() if len(sys.argv) > 2 else None
    extractor = Extractor(spec, yunet_model=model)
    for line in sys.stdin:
        path, start, stop = json.loads(line)
        outcome = "read"
        try:
            for _ in extractor.observations(Path(path), facts=VideoFacts(), start=start, stop=stop):
                pass
        except VideoError as err:
            outcome = err.reason
        sys.stdout.write(outcome + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

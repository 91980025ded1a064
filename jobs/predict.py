"""Show which expressions the faces of videos show, and when, without Ray.

    video-emotion predict clip.mp4
    video-emotion predict videos/ --format vtt --out subtitles

The first line names the model and says how good it is. A video that cannot be used costs one line;
the others are answered, and the exit code is 2.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from jobs.common.command import one_line_errors, parse
from jobs.predicting.options import Config


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Predict the videos; return 0, also without a face, or 2 if a video could not be used."""
    config = parse(Config, argv, verb="jobs.predict", doc=__doc__)
    from jobs.predicting.run import run  # imports torch: not for --help

    try:
        return run(config)
    except BrokenPipeError:  # the reader, such as ``head``, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""A job whose files may not grow beyond a size, as on a disk that is full.

python -m tests.helpers.limited BYTES MODULE [options]
"""

from __future__ import annotations

import resource
import runpy
import sys


def main() -> None:
    """Set the limit, then run the module as the main program."""
    limit = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()

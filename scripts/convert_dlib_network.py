"""Convert dlib's face recognition network to ONNX and write it to the cache or to FILE.

    python -m scripts.convert_dlib_network [FILE]

`make setup` runs this script. Without it, the first run that computes face embeddings converts the
network. If FILE is not in the cache, set `VIDEO_EMOTION_DLIB_EMBEDDER=FILE` to use it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from emotion import storage, weights
from emotion.errors import InputError
from emotion.extract.embed import load_embedder_model


def main() -> int:
    """Write the ONNX file and print its path; return 0, or 2 if it cannot be made or written."""
    try:
        model = load_embedder_model()
    except InputError as err:
        print(f"convert_dlib_network: {err}", file=sys.stderr)
        return 2
    cached = weights.cache_folder() / weights.DLIB_EMBEDDER_ONNX.name
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else cached
    if path != cached:
        storage.write_bytes(str(path), model)
    if not path.is_file():
        print(f"convert_dlib_network: cannot write {path}; name a FILE", file=sys.stderr)
        return 2
    print(f"dlib's face network as ONNX, {len(model) / 1e6:.1f} MB: {path}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

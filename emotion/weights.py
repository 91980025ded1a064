"""Model files of the face networks: their source, SHA-256 and licence."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from emotion import storage
from emotion.errors import InputError

DOWNLOAD_TIMEOUT_S = 20


@dataclass(frozen=True)
class WeightsFile:
    """A model file and the checksum that its bytes must have.

    Attributes:
        title: name of the model in messages.
        name: file name.
        sha256: hex SHA-256 of the bytes.
        url: address of the download; empty if the file is never downloaded.
    """

    title: str
    name: str
    sha256: str
    url: str = ""


YUNET = WeightsFile(
    # Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", 2023; OpenCV Zoo. Licence MIT.
    title="YuNet weights",
    name="face_detection_yunet_2023mar.onnx",
    sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    url=(
        "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models/"
        "face_detection_yunet/face_detection_yunet_2023mar.onnx"
    ),
)

DLIB_LANDMARKS = WeightsFile(
    # D. King's 5-point predictor, in the package face-recognition-models. Licence CC0-1.0.
    title="dlib's landmark predictor",
    name="shape_predictor_5_face_landmarks.dat",
    sha256="c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
)

DLIB_EMBEDDER = WeightsFile(
    # D. King's face recognition network of 2017, in the same package. Licence CC0-1.0.
    title="dlib's face network",
    name="dlib_face_recognition_resnet_model_v1.dat",
    sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
)

DLIB_EMBEDDER_ONNX = WeightsFile(
    # The same network, converted by ``emotion.extract.dlib_network``. Licence CC0-1.0.
    title="dlib's face network as ONNX",
    name="dlib_face_recognition_resnet_model_v1.onnx",
    sha256="275b7baa3eaf79c5ee2d43fa7155657da1e31725461a28ea4cb485b8c5f42455",
)


def cache_folder() -> Path:
    """Return ``$XDG_CACHE_HOME/video-emotion``, by default ``~/.cache/video-emotion``."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "video-emotion"


def load_yunet(address: str | None = None) -> bytes:
    """Return the bytes of YuNet's model file, after a check of their SHA-256.

    They are read from the first of these that is given or exists: ``address``, the environment
    variable ``VIDEO_EMOTION_YUNET``, the file in ``cache_folder()``, the download. A download is
    kept in the cache.

    Args:
        address: a path or s3:// URI; None or empty takes the next source.

    Raises:
        InputError: if the file cannot be read or downloaded, or its SHA-256 is wrong.
    """
    stored = _find(YUNET, address or os.environ.get("VIDEO_EMOTION_YUNET"))
    if stored:
        return _read(YUNET, stored)
    data = _checked(_download(YUNET), YUNET, YUNET.url)
    storage.write_bytes(str(cache_folder() / YUNET.name), data)
    return data


def load_dlib_embedder(convert: Callable[[bytes], bytes]) -> bytes:
    """Return the bytes of dlib's face recognition network as ONNX.

    They are read from the first of these that is given or exists: the address in the environment
    variable ``VIDEO_EMOTION_DLIB_EMBEDDER`` (a path or s3:// URI), the file in ``cache_folder()``.
    Otherwise the file of the installed package is converted, and the result is kept in the cache.

    Args:
        convert: function from the bytes of dlib's file to the bytes of an ONNX file.

    Raises:
        InputError: if a file cannot be read or has another SHA-256, or the package is missing.
    """
    stored = _find(DLIB_EMBEDDER_ONNX, os.environ.get("VIDEO_EMOTION_DLIB_EMBEDDER"))
    if stored:
        return _read(DLIB_EMBEDDER_ONNX, stored)
    data = convert(find_dlib_embedder().read_bytes())
    if hashlib.sha256(data).hexdigest() != DLIB_EMBEDDER_ONNX.sha256:
        raise InputError(
            f"converting {DLIB_EMBEDDER.name} did not give the known {DLIB_EMBEDDER_ONNX.name}; "
            "install the versions of onnx and numpy that constraints.txt names"
        )
    with contextlib.suppress(OSError, InputError):  # read-only: the next call converts again, 0.2 s
        storage.write_bytes(str(cache_folder() / DLIB_EMBEDDER_ONNX.name), data)
    return data


def _find(file: WeightsFile, address: str | None) -> str | None:
    """Return ``address`` if it is given, else the cached file if it exists, else None."""
    cached = cache_folder() / file.name
    return address or (str(cached) if cached.is_file() else None)


def _read(file: WeightsFile, address: str) -> bytes:
    try:
        return _checked(storage.read_bytes(address), file, address)
    except OSError as err:
        raise InputError(f"{file.title} {address} cannot be read: {err}") from err


def _checked(data: bytes, file: WeightsFile, origin: str) -> bytes:
    digest = hashlib.sha256(data).hexdigest()
    if digest != file.sha256:
        raise InputError(
            f"{origin} has SHA-256 {digest}, {file.name} must have {file.sha256}: "
            "remove it or name the right file"
        )
    return data


def _download(file: WeightsFile) -> bytes:
    try:
        with urllib.request.urlopen(file.url, timeout=DOWNLOAD_TIMEOUT_S) as answer:
            return bytes(answer.read())
    except (urllib.error.URLError, OSError) as err:
        raise InputError(
            f"{file.name} is not in {cache_folder()} and cannot be downloaded from {file.url} "
            f"({err}); name the file with --yunet PATH"
        ) from err


def find_dlib_landmarks() -> Path:
    """Return the path of dlib's 5-point landmark predictor in the installed package.

    Raises:
        InputError: if the package is missing or the file has another SHA-256.
    """
    return _packaged(DLIB_LANDMARKS)


def find_dlib_embedder() -> Path:
    """Return the path of dlib's face recognition network in the installed package.

    Raises:
        InputError: if the package is missing or the file has another SHA-256.
    """
    return _packaged(DLIB_EMBEDDER)


def _packaged(file: WeightsFile) -> Path:
    """Return the path of a file in the package face_recognition_models.

    The package is not imported, because its ``__init__`` needs pkg_resources.
    """
    package = importlib.util.find_spec("face_recognition_models")
    if package is None or package.origin is None:
        raise InputError("package face-recognition-models is not installed; run `make setup`")
    path = Path(package.origin).parent / "models" / file.name
    if not path.is_file() or storage.sha256(str(path)) != file.sha256:
        raise InputError(f"{path} is missing or not the known file; reinstall the package")
    return path

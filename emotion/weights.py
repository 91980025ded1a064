"""Model files of the face networks: name, source, SHA-256 and licence."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from emotion import storage
from emotion.errors import InputError

DOWNLOAD_TIMEOUT_S = 20


@dataclass(frozen=True)
class WeightsFile:
    """A model file with fixed bytes.

    Attributes:
        name: file name.
        sha256: SHA-256 of its bytes.
        licence: SPDX name.
        url: address for a download; empty if it is never downloaded.
    """

    name: str
    sha256: str
    licence: str
    url: str = ""


YUNET = WeightsFile(
    # Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", 2023; OpenCV Zoo.
    name="face_detection_yunet_2023mar.onnx",
    sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    licence="MIT",
    url=(
        "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models/"
        "face_detection_yunet/face_detection_yunet_2023mar.onnx"
    ),
)

DLIB_LANDMARKS = WeightsFile(
    # D. King's 5-point predictor, shipped by the package face-recognition-models.
    name="shape_predictor_5_face_landmarks.dat",
    sha256="c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
    licence="CC0-1.0",
)

DLIB_EMBEDDER = WeightsFile(
    # D. King's face recognition network of 2017, shipped by the same package.
    name="dlib_face_recognition_resnet_model_v1.dat",
    sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    licence="CC0-1.0",
)


def cache_folder() -> Path:
    """Return the folder of downloads.

    It is ``$XDG_CACHE_HOME/video-emotion``, else ``~/.cache/video-emotion``.
    """
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "video-emotion"


def _checked(data: bytes, file: WeightsFile, origin: str) -> bytes:
    digest = hashlib.sha256(data).hexdigest()
    if digest != file.sha256:
        raise InputError(
            f"{origin} has SHA-256 {digest}, {file.name} must have {file.sha256}: "
            "remove it or name the right file"
        )
    return data


def load_yunet(address: str | None = None) -> bytes:
    """Load the bytes of YuNet: from ``address``, else the cache, else a checked download.

    Args:
        address: a path or s3:// URI; None takes ``VIDEO_EMOTION_YUNET`` from the environment.

    Raises:
        InputError: if the file is in none of these places, or its SHA-256 is wrong.
    """
    address = address or os.environ.get("VIDEO_EMOTION_YUNET")
    if address:
        try:
            return _checked(storage.read_bytes(address), YUNET, address)
        except OSError as err:
            raise InputError(f"YuNet weights {address}: {err}") from err
    cached = cache_folder() / YUNET.name
    if cached.is_file():
        return _checked(cached.read_bytes(), YUNET, str(cached))
    data = _checked(_download(YUNET), YUNET, YUNET.url)
    storage.write_bytes(str(cached), data)
    return data


def _download(file: WeightsFile) -> bytes:
    try:
        with urllib.request.urlopen(file.url, timeout=DOWNLOAD_TIMEOUT_S) as answer:
            return bytes(answer.read())
    except (urllib.error.URLError, OSError) as err:
        raise InputError(
            f"{file.name} is neither named (--yunet PATH), nor in {cache_folder()}, nor can it be "
            f"downloaded from {file.url} ({err})"
        ) from err


def find_dlib_landmarks() -> Path:
    """Return the path of dlib's 5-point landmark predictor in the installed package.

    Raises:
        InputError: if the package is missing or the file is another one.
    """
    return _find_packaged(DLIB_LANDMARKS)


def find_dlib_embedder() -> Path:
    """Return the path of dlib's face recognition network in the installed package.

    Raises:
        InputError: if the package is missing or the file is another one.
    """
    return _find_packaged(DLIB_EMBEDDER)


def _find_packaged(file: WeightsFile) -> Path:
    """Return the path of a file of the package.

    The package is not imported, because its ``__init__`` needs pkg_resources.
    """
    package = importlib.util.find_spec("face_recognition_models")
    if package is None or package.origin is None:
        raise InputError("package face-recognition-models is not installed; run `make setup`")
    path = Path(package.origin).parent / "models" / file.name
    if not path.is_file() or storage.sha256(str(path)) != file.sha256:
        raise InputError(f"{path} is missing or not the known file; reinstall the package")
    return path

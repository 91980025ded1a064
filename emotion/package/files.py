"""Files of a package as bytes: in a folder, below an s3:// prefix or in a ``.tar.gz``."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping

from emotion import storage
from emotion.errors import PackageError

FACTS, WEIGHTS, CARD = "model.json", "weights.safetensors", "card.md"
TAR_ENDINGS = (".tar.gz", ".tgz")
_TEXTS = (FACTS, CARD)

MAX_TEXT_BYTES = 16 * 2**20
"""Largest ``model.json`` or ``card.md``; real ones have some kilobytes."""

MAX_RATIO = 50
"""Largest size of the unpacked files of an archive, in sizes of the archive.

Trained weights shrink by a tenth at most, so a higher ratio is an archive made to fill the memory.
"""

MIN_UNPACKED_BYTES = 256 * 2**20
"""Size of the unpacked files up to which ``MAX_RATIO`` does not count."""


def read_files(
    uri: str, required: tuple[str, ...], *, optional: tuple[str, ...] = ()
) -> dict[str, bytes]:
    """Read named files of a package.

    Args:
        uri: a folder, an s3:// prefix, or a ``.tar.gz``.
        required: names of files that must exist.
        optional: names of files that may exist.

    Returns:
        The bytes of the files that exist, by name.

    Raises:
        PackageError: if a required file does not exist, or one cannot be read.
    """
    names = (*required, *optional)
    files = _read_tar(uri, names) if uri.endswith(TAR_ENDINGS) else _read_folder(uri, names)
    missing = [name for name in required if name not in files]
    if missing and not files and not storage.exists(uri) and not storage.is_folder(uri):
        raise PackageError(f"package {uri} does not exist; name a folder, s3:// prefix or .tar.gz")
    if missing and uri.endswith(TAR_ENDINGS):
        raise PackageError(f"package {uri} has no {missing[0]} at its top level")
    if missing:
        raise PackageError(
            f"package {uri} has no {missing[0]}; name the folder that training made, RUN/package"
        )
    return files


def is_package(uri: str) -> bool:
    """Return True if ``uri`` names an archive, or a folder or prefix that holds ``model.json``."""
    return uri.endswith(TAR_ENDINGS) or storage.exists(storage.join(uri, FACTS))


def write_files(uri: str, files: Mapping[str, bytes]) -> None:
    """Write files in the order of ``files``.

    If ``uri`` ends in .tar.gz or .tgz, they go into one archive at ``uri``, without timestamps.
    Else they go below ``uri``.
    """
    if not uri.endswith(TAR_ENDINGS):
        for name, data in files.items():
            storage.write_bytes(storage.join(uri, name), data)
        return
    sink = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=sink, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    storage.write_bytes(uri, sink.getvalue())


def _read_folder(uri: str, names: tuple[str, ...]) -> dict[str, bytes]:
    files = {}
    for name in names:
        file = storage.join(uri, name)
        try:
            if name in _TEXTS:
                _check_text_size(uri, name, storage.stat(file).size_bytes)
            files[name] = storage.read_bytes(file)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as err:
            raise PackageError(f"package {uri}: {name} cannot be read: {err}") from err
    return files


def _check_text_size(uri: str, name: str, num_bytes: int) -> None:
    if num_bytes > MAX_TEXT_BYTES:
        raise PackageError(
            f"package {uri}: {name} has {num_bytes / 2**20:,.0f} MB, at most "
            f"{MAX_TEXT_BYTES // 2**20} are allowed: it is not the file of a package"
        )


def _read_tar(uri: str, names: tuple[str, ...]) -> dict[str, bytes]:
    """Read named members of an archive into memory; no file is unpacked to disk."""
    files = {}
    try:
        limit = max(MIN_UNPACKED_BYTES, MAX_RATIO * storage.stat(uri).size_bytes)
        with storage.open_input(uri) as file, tarfile.open(fileobj=file, mode="r:gz") as tar:
            unpacked = 0
            for member in tar:
                name = member.name.removeprefix("./")
                unpacked += member.size
                if unpacked > limit:
                    raise PackageError(
                        f"package {uri} unpacks to {unpacked / 2**20:,.0f} MB, more than "
                        f"{limit / 2**20:,.0f} MB: it is not a model package"
                    )
                if name in _TEXTS:
                    _check_text_size(uri, name, member.size)
                content = tar.extractfile(member) if name in names else None
                if content is not None:
                    files[name] = content.read()
    except FileNotFoundError:
        raise PackageError(f"package {uri} does not exist") from None
    except (tarfile.TarError, OSError, EOFError) as err:
        raise PackageError(
            f"package {uri} is not a readable .tar.gz ({err}); copy it again"
        ) from err
    return files

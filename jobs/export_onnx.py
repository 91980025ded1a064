"""Add an ONNX model to a model package, for serving on CPUs with --engine onnx.

    python -m jobs.export_onnx [--package URI] [--out URI]

Compares the logits of the ONNX model with those of torch, then writes model.onnx and onnx.json into
the package folder. The other files and the model_id stay the same. Each URI is a local path or
s3://.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emotion import storage
from emotion.errors import InputError
from emotion.package.files import TAR_ENDINGS, write_files
from emotion.published.default import find_default_package
from emotion.published.describe import describe_model
from jobs.common.command import Address, one_line_errors, parse


@dataclass(frozen=True)
class Config:
    """Flags of jobs.export_onnx.

    Attributes:
        package: Model package: a folder, an s3:// prefix or a model.tar.gz. Default: the default
            model for real faces, in the cache.
        out: New folder or .tar.gz for a copy of the package with the ONNX model; default: the
            folder of --package.
    """

    package: Address | None = None
    out: Address | None = None


def run(config: Config) -> int:
    """Export the model, compare it with torch, and write it.

    Raises:
        InputError: if the model cannot be exported, --out holds the package of another model, or
            --package is an archive and --out is not given.
        PackageError: if the package is broken.
    """
    # Imported here: torch takes seconds to import, and --help does not need it.
    from emotion.package.model_package import load_package, save_package
    from emotion.package.onnx_export import export_onnx
    from emotion.package.onnx_file import ONNX

    source = config.package or find_default_package()
    package = load_package(source)
    out = config.out or source
    if out == source:
        _check_not_archive(source)
    elif _has_files(out) and load_package(out).model_id != package.model_id:
        raise InputError(f"--out {out} is another model's package; name a new --out")
    onnx = export_onnx(package)
    if out == source:
        write_files(out, onnx.files())
    else:
        save_package(out, package, onnx)
    print(describe_model(package))
    print(f"exported model {package.model_id} ({package.name}) to {out}: {ONNX}")
    print(
        f"  {len(onnx.model) / 1e6:.1f} MB, opset {onnx.opset}, largest difference of a logit "
        f"{onnx.max_difference:.1e}"
    )
    return 0


def _check_not_archive(uri: str) -> None:
    if uri.endswith(TAR_ENDINGS):
        raise InputError(
            f"package {uri} is an archive, to which nothing can be added; name a new one with --out"
        )


def _has_files(uri: str) -> bool:
    if uri.endswith(TAR_ENDINGS):
        return storage.exists(uri)
    return storage.is_folder(uri) and bool(storage.list_files(uri))


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; return 0 when the ONNX model agrees with torch and is written."""
    return run(parse(Config, argv, verb="jobs.export_onnx", doc=__doc__))


if __name__ == "__main__":
    raise SystemExit(main())

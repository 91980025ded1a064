"""Give a model package its model as ONNX, for serving on CPUs with --engine onnx.

    python -m jobs.export_onnx --package URI [--out URI]

Writes model.onnx and onnx.json beside the package's files, after comparing its logits with torch's.
The package stays what it is, and so does its model_id. Each URI is a local path or s3://.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emotion import storage
from emotion.errors import InputError
from emotion.package.files import TAR_ENDINGS, write_files
from emotion.package.model_package import ModelPackage, load_package, save_package
from emotion.package.onnx_export import export_onnx
from emotion.package.onnx_file import ONNX
from jobs.common.command import Address, one_line_errors, parse


@dataclass(frozen=True)
class Config:
    """What to export.

    Attributes:
        package: Model package: a folder, an s3:// prefix or a model.tar.gz.
        out: Where a copy of the package with the ONNX model goes, a new folder or .tar.gz; default:
            the package's own folder.
    """

    package: Address
    out: Address | None = None


def run(config: Config) -> int:
    """Export, compare and write.

    Raises:
        InputError: if the model cannot be exported, or there is no place for it.
        PackageError: if the package is broken.
    """
    package = load_package(config.package)
    out = config.out or config.package
    _check_out(config, package)
    onnx = export_onnx(package)
    if out == config.package:
        write_files(out, onnx.files())
    else:
        save_package(out, package, onnx)
    print(f"exported model {package.model_id} ({package.name}) to {out}: {ONNX}")
    print(
        f"  {len(onnx.model) / 1e6:.1f} MB, opset {onnx.opset}, largest difference of a logit "
        f"{onnx.max_difference:.1e}"
    )
    return 0


def _check_out(config: Config, package: ModelPackage) -> None:
    if config.out is None or config.out == config.package:
        if config.package.endswith(TAR_ENDINGS):
            raise InputError(
                f"package {config.package} is an archive, to which nothing can be added; name a "
                "new one with --out"
            )
        return
    if config.out.endswith(TAR_ENDINGS):
        taken = storage.exists(config.out)
    else:
        taken = storage.is_folder(config.out) and bool(storage.list_files(config.out))
    if taken and load_package(config.out).model_id != package.model_id:
        raise InputError(f"--out {config.out} is another model's package; name a new --out")


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; 0 when the model was exported and answers as torch's does."""
    return run(parse(Config, argv, verb="jobs.export_onnx", doc=__doc__))


if __name__ == "__main__":
    raise SystemExit(main())

"""Pack a model package into one .tar.gz archive, the format that SageMaker needs.

    python -m jobs.pack [--package URI] --out URI/model.tar.gz

The archive holds all files of the package, including the model card and, if there is one, the ONNX
model. Each URI is a local path or s3://.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emotion import storage
from emotion.errors import InputError
from emotion.package.files import TAR_ENDINGS
from emotion.published.default import find_default_package
from emotion.published.describe import describe_model
from jobs.common.command import Address, one_line_errors, parse


@dataclass(frozen=True)
class Config:
    """Flags of jobs.pack.

    Attributes:
        out: Archive to write; its name ends in .tar.gz or .tgz. An existing archive of the same
            model is replaced.
        package: Model package: a folder or an s3:// prefix. Default: the default model for real
            faces.
    """

    out: Address
    package: Address | None = None

    def __post_init__(self) -> None:
        if not self.out.endswith(TAR_ENDINGS):
            raise InputError(f"--out must end in {' or '.join(TAR_ENDINGS)}, got {self.out}")


def run(config: Config) -> int:
    """Write the archive; replace an existing archive of the same model.

    Raises:
        InputError: if ``out`` is the package of another model.
        PackageError: if the package is broken.
    """
    # Imported here: torch takes seconds to import, and --help does not need it.
    from emotion.package.model_package import load_package, pack_tar

    source = config.package or find_default_package()
    package = load_package(source)
    if storage.exists(config.out) and load_package(config.out).model_id != package.model_id:
        raise InputError(f"--out {config.out} is another model's package; name a new --out")
    pack_tar(source, config.out)
    print(describe_model(package))
    print(f"packed model {package.model_id}: {config.out}")
    return 0


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; return 0 when the archive is written."""
    return run(parse(Config, argv, verb="jobs.pack", doc=__doc__))


if __name__ == "__main__":
    raise SystemExit(main())

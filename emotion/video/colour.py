"""Colours of a decoded frame as sRGB-like pixels: which YCbCr matrix, and HDR made into SDR.

Swscale converts YCbCr to RGB and knows limited and full range. It takes a frame without tags for
BT.601, and it changes neither primaries nor transfer curves. Both is done here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from emotion.errors import VideoError

Curve = Literal["sdr", "pq", "hlg"]
Floats = NDArray[np.float32]

HD_LEAST_HW = (577, 1280)
"""Height or width from which a frame without a tag has BT.709's matrix, as in mpv; else BT.601."""
WHITE_NITS = 203.0
"""Luminance of white in HDR pictures (ITU-R BT.2408), which becomes white."""
KNEE = 0.9
"""Light, as a share of white, up to which HDR is kept; brighter light is compressed up to white."""

# Numbers of FFmpeg's AVColorSpace, AVColorTransferCharacteristic, AVColorPrimaries.
_UNSPECIFIED = 2
_BT2020_MATRIX = 9
_UNKNOWN_MATRICES = {
    8: "YCgCo", 10: "BT.2020 constant luminance", 13: "chromaticity-derived constant luminance",
    14: "ICtCp", 15: "IPT-C2", 16: "YCgCo-Re", 17: "YCgCo-Ro",
}  # fmt: skip
_CURVES: dict[int, Curve] = {16: "pq", 18: "hlg"}
_BT2020_PRIMARIES = 9

_TO_BT709 = np.array(  # from BT.2020's primaries, for linear light (ITU-R BT.2087)
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
    np.float32,
)
_BT2020_LUMA = np.array([0.2627, 0.6780, 0.0593], np.float32)
_HLG_PEAK_NITS = 1000.0
_HLG_GAMMA = 1.2
_SDR_GAMMA = 2.4  # BT.1886
_STEPS_BITS = 12


@dataclass(frozen=True)
class Colours:
    """Treatment of a frame's colours.

    Attributes:
        matrix: matrix of YCbCr; None: that of the frame's tag.
        curve: transfer curve; None: BT.709's primaries and curve, which need no change.
    """

    matrix: Colorspace | None = None
    curve: Curve | None = None


def colours_of(frame: VideoFrame) -> Colours:
    """Return the treatment of a frame's colours, by its tags and, without tags, its size.

    Raises:
        VideoError: undecodable, if the colours are coded in a way that no conversion exists for.
    """
    matrix = int(frame.colorspace)
    if matrix in _UNKNOWN_MATRICES:
        raise VideoError(
            "undecodable",
            f"its colours are coded as {_UNKNOWN_MATRICES[matrix]}, which cannot be converted; "
            "convert the video to BT.709",
        )
    curve = _CURVES.get(int(frame.color_trc))
    is_wide = matrix == _BT2020_MATRIX or int(frame.color_primaries) == _BT2020_PRIMARIES
    if curve is None and is_wide:
        curve = "sdr"
    if matrix != _UNSPECIFIED or frame.format.is_rgb:
        return Colours(None, curve)
    if curve is not None:
        return Colours(Colorspace.BT2020, curve)
    is_hd = frame.height >= HD_LEAST_HW[0] or frame.width >= HD_LEAST_HW[1]
    return Colours(Colorspace.ITU709 if is_hd else None)


def to_rgb(
    reformatter: VideoReformatter,
    picture: VideoFrame,
    colours: Colours,
    *,
    hw: tuple[int, int],
    interpolation: Interpolation | None = None,
) -> NDArray[np.uint8]:
    """Return a frame as (H, W, 3) uint8 RGB pixels of BT.709 (sRGB), scaled to ``hw``.

    Args:
        reformatter: scaler, used for one size.
        picture: the frame, or a field of it.
        colours: treatment, of the whole frame.
        hw: height and width of the result.
        interpolation: kind of scaling; None: bilinear.
    """
    done = reformatter.reformat(
        picture,
        width=hw[1],
        height=hw[0],
        # Not rgb48le: swscale 9.5 gives wrong colours in it if the width is odd.
        format="rgb24" if colours.curve is None else "gbrp16le",
        src_colorspace=colours.matrix,
        interpolation=interpolation,
        threads=1,
    )
    pixels = done.to_ndarray()
    if colours.curve is None:
        return np.asarray(pixels, np.uint8)
    return to_sdr(np.asarray(pixels, np.uint16), colours.curve)


def to_sdr(pixels: NDArray[np.uint16], curve: Curve) -> NDArray[np.uint8]:
    """Convert pixels of BT.2020 to BT.709, with white at ``WHITE_NITS``.

    HLG is shown as on a display of 1000 nits (ITU-R BT.2100). Light up to ``KNEE`` of white is
    kept exactly, in BT.709's colours; brighter light is compressed, with its hue.

    Args:
        pixels: (H, W, 3) uint16 RGB of BT.2020 primaries, coded with ``curve``, 0 to 65535.
        curve: ``pq`` (SMPTE ST 2084), ``hlg`` (ARIB STD-B67), or ``sdr`` (gamma 2.4).

    Returns:
        (H, W, 3) uint8 RGB.
    """
    light = _linear(curve)[pixels >> (16 - _STEPS_BITS)]
    if curve == "hlg":
        luma = light @ _BT2020_LUMA
        light *= (luma ** np.float32(_HLG_GAMMA - 1))[..., None] * (_HLG_PEAK_NITS / WHITE_NITS)
    light = np.maximum(light @ _TO_BT709.T, 0)
    peak = light.max(-1)
    bright = peak > KNEE
    if bright.any():
        over = (peak[bright] - KNEE) / (1 - KNEE)
        light[bright] *= ((KNEE + (1 - KNEE) * over / (1 + over)) / peak[bright])[:, None]
    return np.asarray(np.rint(255 * light ** np.float32(1 / _SDR_GAMMA)), np.uint8)


@cache
def _linear(curve: Curve) -> Floats:
    """Return the light of each coded value: a share of white, or HLG's light of the scene."""
    coded = np.arange(2**_STEPS_BITS) / (2**_STEPS_BITS - 1)
    if curve == "pq":  # ITU-R BT.2100, table 4
        root = coded ** (1 / 78.84375)
        light = np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)
        linear = 10_000 / WHITE_NITS * light ** (1 / 0.1593017578125)
    elif curve == "hlg":  # ITU-R BT.2100, table 5
        bright = (np.exp((coded - 0.55991073) / 0.17883277) + 0.28466892) / 12
        linear = np.where(coded <= 0.5, coded**2 / 3, bright)
    else:
        linear = coded**_SDR_GAMMA
    return np.asarray(linear, np.float32)

"""The input benchmark: its GPU mode runs where Ray and the rest are not, and its table is right."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.input import Timed, table
from benchmarks.input_threads import batches_of, decoders, draw_jpegs, flops_of_a_clip
from emotion.models.transforms import decode_crops
from tests.helpers.blocked import CLOUD, run_without

pytestmark = pytest.mark.large

BARE = """
from benchmarks.input import main
flags = "--feed threads --clips 6 --clip-len 4 --crop-px 32 --batch-size 2 --rounds 1"
assert main([*flags.split(), "--peak-tflops", "1", "--model", "r3d_lite"]) == 0
"""


def test_the_gpu_mode_needs_torch_and_little_else() -> None:
    others = {"tyro", "psutil", "matplotlib", "av", "dlib", "duckdb", "tensorboardX", "jinja2"}
    assert run_without(CLOUD | others, BARE).startswith("bound by ")


def test_ratios_are_of_the_same_round() -> None:
    """Rounds of 1 and 4 s beside 2 and 4 s: ratios 2 and 1; 10 clips in a median 3 s."""
    rows = table(
        [Timed("synthetic", [1.0, 4.0], [2.0, 8.0]), Timed("kept", [2.0, 4.0], [2.0, 4.0])],
        num_clips=10,
    ).splitlines()
    assert rows[3] == "| kept | 3.3 | 1.500 | 1.000 to 2.000 | 300.0 | 0.750 |"


def test_threads_bring_the_stored_pixels() -> None:
    jpegs = draw_jpegs(5, clip_len=2, px=16)
    with decoders(2) as pool:
        batches = list(batches_of(jpegs, pool, batch_size=2, num=4, seed=0))
    assert [tuple(batch.clips.shape) for batch in batches] == [(2, 2, 16, 16, 3)] * 4
    decoded = np.stack([decode_crops(crops) for crops in jpegs.clips])
    first = batches[0].clips[0].numpy()
    assert any(np.array_equal(first, clip) for clip in decoded)


def test_flops_are_those_of_the_convolutions() -> None:
    """A convolution's backward costs as much again for weights and for inputs, but for the first:
    r3d_18 has 40.7 G multiply-adds at 16 x 112 x 112 (torchvision's table), twice as many flops."""
    flops = flops_of_a_clip("r3d_18", {}, (16, 112, 112, 3))
    assert 2.8 * 2 * 40.7e9 < flops < 3.0 * 2 * 40.7e9

"""The GPU benchmark on a CPU with small sizes: its rows, its counts, and what it imports."""

from __future__ import annotations

from itertools import islice

import pytest
import torch

from benchmarks import gpu
from benchmarks.gpu_device import Device
from emotion.models.registry import build_model
from tests.helpers.blocked import CLOUD, run_without


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Device:
    monkeypatch.setattr(gpu, "CLIP", (4, 32, 32))
    return Device(torch.device("cpu"), batch=2, rounds=1, matrix_flops=1e9)


def test_a_row_per_task_and_precision(device: Device) -> None:
    rows = list(islice(gpu.measure(device, ["r3d_18"], until=float("inf")), 8))
    assert [(r.source, r.task, r.precision) for r in rows] == [
        (source, task, precision)
        for task in ("inference", "training")
        for precision in ("bf16", "fp32")
        for source in ("torchvision", "ours")
    ]
    assert all(row.clips_per_s > 0 and row.memory_gib is None for row in rows)
    for bare, ours in zip(rows[::2], rows[1::2], strict=True):
        assert bare.to_torchvision == 1
        assert ours.to_torchvision == pytest.approx(ours.clips_per_s / bare.clips_per_s)
        # Both networks do the same work.
        assert bare.matrix_share / bare.clips_per_s == pytest.approx(
            ours.matrix_share / ours.clips_per_s
        )


def test_the_operations_are_those_of_the_layers(device: Device) -> None:
    """The stem of r3d_18: 64 filters of 3 x 3 x 7 x 7, on 4 x 16 x 16 places, two per weight."""
    stem = build_model("r3d_18", 7, {}).stem
    counted = gpu.flops_of(device, "r3d_18", "inference", "ours")
    with torch.utils.flop_counter.FlopCounterMode(display=False) as counter:
        stem(torch.zeros(1, 3, 4, 32, 32))  # type: ignore[operator]
    assert counter.get_total_flops() == 2 * 64 * 3 * 3 * 7 * 7 * 4 * 16 * 16
    assert counted > counter.get_total_flops()


def test_rows_after_the_budget_are_named(
    device: Device, capsys: pytest.CaptureFixture[str]
) -> None:
    assert list(gpu.measure(device, ["swin3d_t"], until=0.0)) == []
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 6
    assert lines[0] == "left out: swin3d_t inference bf16 compiled=False"


def test_it_needs_few_packages() -> None:
    blocked = CLOUD | {"av", "dlib", "tyro", "duckdb", "pydantic"}
    assert run_without(blocked, "import benchmarks.gpu; print('imported')") == "imported"

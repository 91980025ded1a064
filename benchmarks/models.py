"""Measure size, arithmetic and speed of every model on a CPU or GPU, as a Markdown table.

    python -m benchmarks.models [--only r3d_lite cnn_gru:resnet18] [--batch 8 --rounds 5]
    python -m benchmarks.models --device cuda --batch 32

Clips of 16 x 112 x 112 and weights are random, which is as fast as trained weights. GFLOPs are of
one clip's forward pass by torch.utils.flop_counter: a multiply and an add are two, so MACs are
half; only convolutions and matrix products count. Speeds are clips per second. Inference by torch
and by onnxruntime takes turns in one process, and the best round of each counts. Training is
forward, backward and an AdamW step. On a GPU the clips are in its memory, and onnxruntime is left
out. Run it on an idle machine, and compare ratios.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import tyro
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from emotion.errors import InputError
from emotion.extract.inference import open_session
from emotion.models.cpu_bf16 import avoid_small_maps
from emotion.models.frame_cnn import BACKBONES
from emotion.models.registry import MODELS, build_model
from emotion.package.onnx_export import INPUT, OUTPUT, to_onnx

CLIP_SHAPE = (16, 112, 112)
NUM_CLASSES = 7
HEADER = (
    "| model | backbone | parameters, M | GFLOPs per clip | torch, clips/s | onnxruntime, clips/s "
    "| onnxruntime / torch | training fp32, clips/s | training bf16, clips/s |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Config:
    """Settings of the measurement."""

    only: tuple[str, ...] = ()
    """Names, cnn_* with or without :backbone; default: every model, cnn_* with every backbone under
    cnn_gru and with resnet18 and lite under the others."""
    batch: int = 2
    """Clips of a batch."""
    rounds: int = 2
    """Number of times that each speed is measured; the best counts."""
    seconds: float = 0.5
    """Least length of a round, which has at least one batch."""
    training: bool = True
    """Also measure training."""
    threads: int = 0
    """Threads of torch and onnxruntime; 0: torch's default."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Device: cpu or cuda."""


@dataclass(frozen=True)
class Row:
    """Figures of one model; None for those that were not measured."""

    name: str
    backbone: str
    parameters: int
    flops: int
    torch_per_s: float
    onnx_per_s: float | None
    fp32_per_s: float | None
    bf16_per_s: float | None


def chosen(only: Sequence[str]) -> list[tuple[str, str]]:
    """Return names and backbones; a model without backbones has an empty one.

    Raises:
        InputError: on an unknown name or backbone.
    """
    if not only:
        frames = [f"{name}:{b}" for name in MODELS if name.startswith("cnn_") for b in BACKBONES]
        few = ("lite", "resnet18")
        only = [name for name in MODELS if not name.startswith("cnn_")]
        only += [f for f in frames if f.startswith("cnn_gru") or f.endswith(few)]
    models = []
    for text in only:
        name, _, backbone = text.partition(":")
        backbone = backbone or ("resnet18" if name.startswith("cnn_") else "")
        known = BACKBONES if name.startswith("cnn_") else ("",)
        if name not in MODELS or backbone not in known:
            raise InputError(
                f"--only {text!r} is unknown; give NAME or cnn_NAME:BACKBONE of MODELS"
            )
        models.append((name, backbone))
    return models


def flops(model: nn.Module) -> int:
    """Count the operations of one clip's forward pass, two per multiply-add."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.randn(1, 3, *CLIP_SHAPE))
    return int(counter.get_total_flops())


def finish(config: Config) -> None:
    """Wait until a GPU has finished its work."""
    if config.device == "cuda":
        torch.cuda.synchronize()


def fastest(works: Sequence[Callable[[], object]], config: Config) -> list[float]:
    """Return clips per second of each function: the best of its rounds, taken in turns."""
    best = [0.0] * len(works)
    for work in works:
        work()  # the first call plans and allocates
    for _ in range(config.rounds):
        for number, work in enumerate(works):
            finish(config)
            count, began = 0, time.perf_counter()
            while count == 0 or time.perf_counter() - began < config.seconds:
                work()
                count += config.batch
                finish(config)
            best[number] = max(best[number], count / (time.perf_counter() - began))
    return best


def inference(model: nn.Module, name: str, config: Config) -> tuple[float, float | None]:
    """Return clips per second by torch and, on a CPU, by onnxruntime."""
    x_BCTHW = torch.randn(config.batch, 3, *CLIP_SHAPE, device=config.device)

    @torch.inference_mode()
    def by_torch() -> None:
        model(x_BCTHW)

    if config.device == "cuda":
        return fastest([by_torch], config)[0], None
    session = open_session(to_onnx(model, CLIP_SHAPE, name=name), threads=torch.get_num_threads())
    fed = {INPUT: x_BCTHW.numpy()}
    by_torch_per_s, by_onnx_per_s = fastest([by_torch, lambda: session.run([OUTPUT], fed)], config)
    return by_torch_per_s, by_onnx_per_s


def training_step(model: nn.Module, config: Config, *, bf16: bool) -> Callable[[], None]:
    """Forward, backward and step on one batch."""
    optimizer = torch.optim.AdamW(model.parameters())
    x_BCTHW = torch.randn(config.batch, 3, *CLIP_SHAPE, device=config.device)
    labels_B = torch.arange(config.batch, device=config.device) % NUM_CLASSES

    def step() -> None:
        with torch.autocast(config.device, torch.bfloat16, enabled=bf16):
            loss = functional.cross_entropy(model(x_BCTHW), labels_B)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()

    return step


def multiplies_bf16(config: Config) -> bool:
    """Return True if the device multiplies bf16 itself and not as fp32."""
    if config.device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()


def measure(name: str, backbone: str, config: Config) -> Row:
    """Measure one model."""
    torch.manual_seed(0)
    model = build_model(name, NUM_CLASSES, {"backbone": backbone} if backbone else {}).eval()
    parameters = sum(weight.numel() for weight in model.parameters())
    work = flops(model)
    model.to(config.device)
    torch_per_s, onnx_per_s = inference(model, name, config)
    speeds: list[float] = []
    if config.training:
        kinds = (False, True) if multiplies_bf16(config) else (False,)
        avoid_small_maps(model)
        model.train()
        speeds = fastest([training_step(model, config, bf16=bf16) for bf16 in kinds], config)
    fp32_per_s = speeds[0] if speeds else None
    bf16_per_s = speeds[1] if len(speeds) > 1 else None
    return Row(name, backbone, parameters, work, torch_per_s, onnx_per_s, fp32_per_s, bf16_per_s)


def line(row: Row) -> str:
    """Return a model's line of the table.

    >>> line(Row("r3d_18", "", 33_170_000, 81_400_000_000, 4.0, 6.0, 1.25, None))
    '| r3d_18 |  | 33.2 | 81.4 | 4 | 6 | 1.5 | 1.25 | - |'
    """
    ratio = row.onnx_per_s / row.torch_per_s if row.onnx_per_s else None
    speeds = (row.torch_per_s, row.onnx_per_s, ratio, row.fp32_per_s, row.bf16_per_s)
    shown = ["-" if speed is None else f"{speed:.3g}" for speed in speeds]
    size, work = f"{row.parameters / 1e6:.3g}", f"{row.flops / 1e9:.3g}"
    return f"| {' | '.join([row.name, row.backbone, size, work, *shown])} |"


def main(argv: Sequence[str] | None = None) -> int:
    """Print a line per model; return 2 on an unknown model."""
    config = tyro.cli(Config, args=argv, description=__doc__)
    try:
        models = chosen(config.only)
    except InputError as err:
        print(f"error: {err}", file=sys.stderr)
        return 2
    if config.threads:
        torch.set_num_threads(config.threads)
    print(HEADER)
    for name, backbone in models:
        print(line(measure(name, backbone, config)), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

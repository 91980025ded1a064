"""Time training and inference on one GPU beside torchvision's own models in a bare loop.

    python -m benchmarks.gpu [--budget-s 330] [--yunet FILE.onnx --video CLIP.mp4] [--out FILE.json]

Prints a row per model, task, precision and compilation: clips per second, the fastest of --rounds;
its ratio to torchvision's model in the same precision without compilation; the share of the
device's matrix speed, which is measured first; and the largest memory. With --yunet and --video
also how fast decoding and detection on all CPU cores feed the model.

It needs torch, torchvision, OpenCV, onnxruntime, pyarrow and safetensors, and no Ray. A row that
would begin after --budget-s is left out and named. Without a GPU it runs small sizes on the CPU,
which proves only that it works.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.gpu_device import Device, clips_per_s, matrix_flops, precision_of
from benchmarks.gpu_feed import fed_clips_per_s
from emotion.models.registry import ModelArgs, build_model
from emotion.models.transforms import to_input
from emotion.train.learner import make_learner
from emotion.train.recipe import Recipe

NUM_LABELS = 7
CLIP = (16, 112, 112)
"""Frames, height and width of a clip."""
MODELS: dict[str, tuple[str, ModelArgs]] = {
    "r3d_18": ("r3d_18", {}),
    "swin3d_t": ("swin3d_t", {}),
    "cnn_gru resnet18": ("cnn_gru", {"backbone": "resnet18"}),
    "cnn_gru mobilefacenet": ("cnn_gru", {"backbone": "mobilefacenet"}),
}
"""Architecture and arguments by the name of a row."""
TORCHVISION = ("r3d_18", "swin3d_t")
"""Models that torchvision has too."""


@dataclass(frozen=True)
class Row:
    """Result of one measurement; None where a value is unknown."""

    model: str
    source: str
    task: str
    precision: str
    compiled: bool
    clips_per_s: float
    to_torchvision: float | None
    matrix_share: float
    memory_gib: float | None


@functools.cache
def flops_of(device: Device, name: str, task: str, source: str) -> float:
    """Return the floating-point operations of one step per clip, counted by torch in float32."""
    step = _step(device, name, task, "fp32", source=source, compiled=False)
    with FlopCounterMode(display=False) as counter:
        step()
    return float(counter.get_total_flops()) / device.batch


def inference(device: Device, model: nn.Module, precision: str) -> Callable[[], object]:
    """Return a step that answers for one batch of uint8 clips, as batch scoring does."""
    model.eval()
    clips = torch.randint(0, 256, (device.batch, *CLIP, 3), dtype=torch.uint8)
    clips_NTHWC = clips.to(device.device)

    @torch.inference_mode()
    def step() -> Tensor:
        with precision_of(device, precision):
            answer: Tensor = model(to_input(clips_NTHWC))
        return answer

    return step


def bare_training(device: Device, model: nn.Module, precision: str) -> Callable[[], object]:
    """Return a step of a bare loop: forward, loss, backward, AdamW."""
    optimizer = torch.optim.AdamW(model.parameters())
    return _training(device, model, precision, optimizer, lambda: None)


def our_training(
    device: Device, name: str, args: ModelArgs, precision: str, *, compiled: bool
) -> Callable[[], object]:
    """Return a step of the project's learner: as the bare loop, with its memory order and EMA."""
    recipe = Recipe(precision="bf16" if precision == "bf16" else "fp32", compile=compiled)
    model = build_model(name, NUM_LABELS, args).to(device.device)
    learner = make_learner(model, name, recipe)
    ema = learner.ema

    def after() -> None:
        if ema is not None:
            ema.update(learner.model)

    return _training(device, learner.model, precision, learner.optimizer, after)


def _training(
    device: Device,
    model: nn.Module,
    precision: str,
    optimizer: torch.optim.Optimizer,
    after: Callable[[], None],
) -> Callable[[], object]:
    model.train()
    x_NCTHW = torch.randn(device.batch, 3, *CLIP, device=device.device)
    labels_N = torch.arange(device.batch, device=device.device) % NUM_LABELS

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with precision_of(device, precision):
            loss = functional.cross_entropy(model(x_NCTHW).float(), labels_N)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        after()

    return step


def measure(device: Device, names: Sequence[str], until: float) -> Iterator[Row]:
    """Yield the rows; those that would begin after the time ``until`` are named on stderr."""
    for compiled in (False, True):  # the slow rows come last
        for name in names:
            for task in ("inference", "training"):
                for precision in ("bf16", "fp32"):
                    if compiled and precision == "fp32":
                        continue
                    if time.monotonic() > until:
                        note = f"left out: {name} {task} {precision} compiled={compiled}\n"
                        sys.stderr.write(note)
                        continue
                    yield from _rows(device, name, task, precision, compiled=compiled)


def _rows(device: Device, name: str, task: str, precision: str, *, compiled: bool) -> Iterator[Row]:
    """Yield torchvision's row, if it has the model, and ours."""
    bare: float | None = None
    sources = ("torchvision", "ours") if name in TORCHVISION and not compiled else ("ours",)
    for source in sources:
        if device.is_gpu:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        step = _step(device, name, task, precision, source=source, compiled=compiled)
        flops = flops_of(device, name, task, source)
        speed = clips_per_s(device, step)
        if source == "torchvision":
            bare = speed
        yield Row(
            model=name,
            source=source,
            task=task,
            precision=precision,
            compiled=compiled,
            clips_per_s=speed,
            to_torchvision=speed / bare if bare else None,
            matrix_share=flops * speed / device.matrix_flops,
            memory_gib=torch.cuda.max_memory_allocated() / 2**30 if device.is_gpu else None,
        )


def _step(
    device: Device, name: str, task: str, precision: str, *, source: str, compiled: bool
) -> Callable[[], object]:
    architecture, args = MODELS[name]
    if source == "torchvision":
        bare: nn.Module = getattr(torchvision.models.video, name)(num_classes=NUM_LABELS)
        bare = bare.to(device.device)
        return (inference if task == "inference" else bare_training)(device, bare, precision)
    if task == "training":
        return our_training(device, architecture, args, precision, compiled=compiled)
    model = build_model(architecture, NUM_LABELS, args).to(device.device)
    if compiled:
        model.compile()
    return inference(device, model, precision)


def _step_model(device: Device) -> Callable[[Tensor], object]:
    """Return a function that answers for uint8 clips with r3d_18 in bf16, and waits for it."""
    model = build_model("r3d_18", NUM_LABELS, {}).to(device.device).eval()

    @torch.inference_mode()
    def answer(clips_NTHWC: Tensor) -> None:
        with precision_of(device, "bf16"):
            model(to_input(clips_NTHWC.to(device.device)))
        device.wait()

    return answer


def main(argv: Sequence[str] | None = None) -> int:
    """Print the rows as a table and, with --out, write them as JSON; return 0."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--budget-s", type=float, default=330.0, help="no row begins later")
    parser.add_argument("--batch", type=int, default=0, help="clips per batch; 0: 32 on a GPU")
    parser.add_argument("--rounds", type=int, default=5, help="the fastest counts")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--yunet", help="YuNet's ONNX file, for the row of decoding")
    parser.add_argument("--video", help="video file, for the row of decoding")
    parser.add_argument("--out", type=Path, help="JSON file for the rows")
    config = parser.parse_args(argv)
    until = time.monotonic() + config.budget_s
    kind = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    batch = config.batch or (32 if kind.type == "cuda" else 1)
    device = Device(kind, batch, config.rounds, matrix_flops(kind))
    name = torch.cuda.get_device_name() if device.is_gpu else "CPU"
    print(f"{name}, torch {torch.__version__}: {device.matrix_flops / 1e12:.2f} TFLOP/s in bf16")
    print(
        "model                  source       task       prec.  compiled  clips/s  ratio  share  GiB"
    )
    rows = []
    for row in measure(device, config.models, until):
        rows.append(asdict(row))
        ratio, share, memory = (
            "-" if value is None else f"{value:.2f}"
            for value in (row.to_torchvision, row.matrix_share, row.memory_gib)
        )
        print(
            f"{row.model:22} {row.source:12} {row.task:10} {row.precision:6} {row.compiled!s:8} "
            f"{row.clips_per_s:8.1f} {ratio:>6} {share:>6} {memory:>5}",
            flush=True,
        )
    fed = None
    if config.yunet and config.video:
        fed = fed_clips_per_s(
            _step_model(device),
            config.video,
            config.yunet,
            batch=batch,
            seconds=15.0 if device.is_gpu else 1.0,
        )
        print(
            f"decoding and detection on {fed['cores']:.0f} cores feed r3d_18: "
            f"{fed['clips_per_s']:.1f} clips/s, model busy {fed['model_busy']:.0%}"
        )
    if config.out:
        facts = {"device": name, "torch": torch.__version__, "matrix_flops": device.matrix_flops}
        config.out.write_text(json.dumps(facts | {"rows": rows, "fed": fed}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

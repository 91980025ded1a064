"""Measure the cost of the input pipeline: training steps on stored and on synthetic clips.

    OMP_WAIT_POLICY=PASSIVE python -m benchmarks.input --dataset DATASET --model r3d_lite

Epochs of jobs.train's loop take turns: on random pixels in memory ("synthetic"), on clips that are
decoded once and kept in memory ("kept"), and on clips that are read and decoded in every epoch as
in training ("streamed"). Prints a Markdown table with the ratio of times to the synthetic epoch of
the same round; the target is at most 1.05. The ratio of CPU times holds on a busy machine too.

    python -m benchmarks.input --feed threads --model r3d_18 --precision bf16 --batch-size 32

needs no dataset (without --dataset it draws clips). JPEGs are in memory and threads
decode them; the model runs on a GPU if there is one. The output adds the model's arithmetic
(torch's flop counter, two per multiply-add, forward and backward), the share of the device's peak,
and the part that limits the speed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks import input_threads
from emotion.models.registry import build_model, model_args
from emotion.train.batches import Batch, num_decoders
from emotion.train.learner import Learner, autocast_dtype, make_learner
from emotion.train.loop import train_epoch
from emotion.train.recipe import Recipe

WANTED = 1.05
NUM_CLASSES = 7
NUM_SYNTHETIC = 4  # number of different batches
PEAK_TFLOPS = {"H100": 989.0, "H200": 989.0, "A100": 312.0}
"""Dense bf16 TFLOP/s of NVIDIA's data sheets, by a part of the device's name."""

Feed = Callable[[int], Iterable[Batch]]
"""A function from the number of an epoch to its batches."""


@dataclass(frozen=True)
class Timed:
    """One input: seconds of each round's epoch, by the clock and of all CPUs."""

    name: str
    wall_s: list[float]
    cpu_s: list[float]


class Cpu:
    """CPU seconds of this process and its children, Ray's workers included."""

    def __init__(self) -> None:
        self._seen: dict[int, float] = {}

    def now_s(self) -> float:
        """Return the seconds since the process began; an ended child keeps its last value."""
        try:
            import psutil  # of the dev extra; may be missing on a GPU machine
        except ImportError:
            return time.process_time()
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                self._seen[process.pid] = times.user + times.system
        return time.process_time() + sum(self._seen.values())


def read_flags(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the flags with argparse: tyro may be missing on a GPU machine."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.input", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--dataset", help="folder that jobs.build_dataset made")
    parser.add_argument("--feed", choices=("stored", "threads"), default="stored")
    parser.add_argument("--model", default="r3d_lite")
    parser.add_argument("--model-args", nargs="*", default=[], help="such as backbone=lite")
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16", "fp16"))
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument(
        "--batches", type=int, default=0, help="batches of an epoch; default: the dataset"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--channels-last", action=argparse.BooleanOptionalAction)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--clip-len", type=int, default=16, help="frames of a drawn clip")
    parser.add_argument("--crop-px", type=int, default=112, help="side of drawn clips")
    parser.add_argument("--clips", type=int, default=256, help="number of drawn clips")
    parser.add_argument("--decoders", type=int, default=num_decoders())
    parser.add_argument(
        "--peak-tflops", type=float, help="peak of the device; default for H100, H200 and A100"
    )
    return parser.parse_args(argv)


def learner_of(flags: argparse.Namespace, device: torch.device, num_classes: int) -> Learner:
    """Return a new model with its optimizer, as a training worker has it at the start."""
    torch.manual_seed(0)
    args = model_args(flags.model, dict(text.split("=", 1) for text in flags.model_args))
    recipe = Recipe(
        epochs=1,
        lr=1e-4,
        precision=flags.precision,
        channels_last=flags.channels_last,
        compile=flags.compile,
    )
    model = build_model(flags.model, num_classes, args).to(device)
    return make_learner(model, flags.model, recipe)


def synthetic(shape: tuple[int, int, int, int], batch_size: int, *, batches: int) -> Feed:
    """Return batches of random pixels that are in memory."""
    generator = torch.Generator().manual_seed(0)
    ready = [
        Batch(
            torch.randint(0, 256, (batch_size, *shape), dtype=torch.uint8, generator=generator),
            torch.randint(0, NUM_CLASSES, (batch_size,), generator=generator),
        )
        for _ in range(NUM_SYNTHETIC)
    ]
    return lambda _: (ready[n % NUM_SYNTHETIC] for n in range(batches))


def run_epoch(learner: Learner, batches: Iterable[Batch], *, seed: int, num_classes: int) -> None:
    """Run an epoch as a training worker does; the loop waits for the device at every step."""
    train_epoch(
        learner,
        batches,
        epoch=1,
        first_step=0,
        total_steps=1_000_000,
        weights=torch.ones(num_classes),
        seed=seed,
    )


def in_turns(
    learner: Learner, feeds: dict[str, Feed], *, rounds: int, num_classes: int
) -> list[Timed]:
    """Run each input's epoch once to warm up, then once a round, in rotating order."""
    names, cpu = list(feeds), Cpu()
    timed = {name: Timed(name, [], []) for name in names}
    for number in range(rounds + 1):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            cpu_s, began = cpu.now_s(), time.perf_counter()
            run_epoch(learner, feeds[name](number), seed=number, num_classes=num_classes)
            if number:
                timed[name].wall_s.append(time.perf_counter() - began)
                timed[name].cpu_s.append(cpu.now_s() - cpu_s)
    return list(timed.values())


def table(timed: Sequence[Timed], *, num_clips: int) -> str:
    """Return a Markdown table: clips/s of the median epoch, ratios to the synthetic epochs."""
    lines = [
        "| input | clips/s | time, ratio to synthetic | rounds | CPU ms a clip | CPU, ratio |",
        "|---|---|---|---|---|---|",
    ]
    base = timed[0]
    for one in timed:
        wall = _ratios(one.wall_s, base.wall_s)
        cpu = statistics.median(_ratios(one.cpu_s, base.cpu_s))
        speed = num_clips / statistics.median(one.wall_s)
        cpu_ms = 1e3 * statistics.median(one.cpu_s) / num_clips
        lines.append(
            f"| {one.name} | {speed:,.1f} | {statistics.median(wall):.3f} | "
            f"{min(wall):.3f} to {max(wall):.3f} | {cpu_ms:.1f} | {cpu:.3f} |"
        )
    return "\n".join(lines)


def _ratios(values: Sequence[float], base: Sequence[float]) -> list[float]:
    return [own / its for own, its in zip(values, base, strict=True)]


def stored_feeds(flags: argparse.Namespace) -> tuple[dict[str, Feed], int, int]:
    """Return the inputs from a dataset, the batches of an epoch, and the number of labels."""
    from jobs.training.ingest import Share
    from jobs.training.input import read_input
    from jobs.training.stored_clips import index_clips

    data = read_input(str(Path(flags.dataset).resolve()), labels=None)
    batches = flags.batches or data.num_train // flags.batch_size
    index = index_clips(data.uri, "train", data.labels)
    feeds = {"synthetic": synthetic(data.clip_shape, flags.batch_size, batches=batches)}
    for name, keep in (("kept", True), ("streamed", False)):
        began = time.perf_counter()
        share = Share(index, data.clip_shape, keep=keep, batch_size=flags.batch_size)
        if keep:
            print(f"decoding {data.num_train} clips once: {time.perf_counter() - began:.1f} s")
        feeds[name] = _shuffled(share.shuffled, batches)
    return feeds, batches, len(data.labels)


def _shuffled(shuffled: Callable[..., Iterable[Batch]], batches: int) -> Feed:
    return lambda epoch: shuffled(num_batches=batches, seed=0, epoch=epoch, balance="weights")


def thread_feeds(
    flags: argparse.Namespace, stack: contextlib.ExitStack
) -> tuple[dict[str, Feed], int, input_threads.Jpegs]:
    """Return the inputs from JPEGs in memory, the batches of an epoch, and the JPEGs."""
    jpegs = (
        input_threads.read_jpegs(flags.dataset, split="train")
        if flags.dataset
        else input_threads.draw_jpegs(flags.clips, clip_len=flags.clip_len, px=flags.crop_px)
    )
    batches = flags.batches or max(1, len(jpegs.clips) // flags.batch_size)
    pool = stack.enter_context(input_threads.decoders(flags.decoders))

    def streamed(epoch: int) -> Iterable[Batch]:
        return input_threads.batches_of(
            jpegs, pool, batch_size=flags.batch_size, num=batches, seed=epoch
        )

    shape = input_threads.shape_of(jpegs)
    made = synthetic(shape, flags.batch_size, batches=batches)
    return {"synthetic": made, "threads": streamed}, batches, jpegs


def print_device(
    flags: argparse.Namespace,
    learner: Learner,
    timed: Sequence[Timed],
    jpegs: input_threads.Jpegs,
    *,
    num_clips: int,
) -> None:
    """Print arithmetic, share of the peak, and the part that limits the speed."""
    device, shape = learner.device, input_threads.shape_of(jpegs)
    speeds = {one.name: num_clips / statistics.median(one.wall_s) for one in timed}
    flops = input_threads.flops_of_a_clip(flags.model, model_args(flags.model, {}), shape)
    name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
    known = next((peak for part, peak in PEAK_TFLOPS.items() if part in name), None)
    peak = flags.peak_tflops or known
    alone = input_threads.model_clips_per_s(learner, shape, batch_size=flags.batch_size)
    one_core = input_threads.decode_clips_per_s(jpegs)
    dtype = autocast_dtype(device, flags.precision)
    print(f"\n{flags.model} on {name}, {dtype}, {flops / 1e9:,.1f} GFLOP a clip and step")
    for name, speed in {"model alone": alone, **speeds}.items():
        used = flops * speed / 1e12
        share = f", {used / peak:.1%} of {peak:g} TFLOP/s" if peak else ""
        print(f"  {name:12} {speed:9,.1f} clips/s  {used:8.2f} TFLOP/s{share}")
    print(f"  decode       {one_core:9,.1f} clips/s on one core, {flags.decoders} threads here")
    print("bound by " + input_threads.bound(alone, speeds, one_core=one_core))


def main(argv: Sequence[str] | None = None) -> int:
    """Measure every input and print the table."""
    flags = read_flags(argv)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    jpegs: input_threads.Jpegs | None = None
    with contextlib.ExitStack() as stack:
        if flags.feed == "threads":
            feeds, batches, jpegs = thread_feeds(flags, stack)
            num_classes = NUM_CLASSES
        else:
            if not flags.dataset:
                raise SystemExit("--feed stored needs --dataset")
            feeds, batches, num_classes = stored_feeds(flags)
        learner = learner_of(flags, device, num_classes)
        timed = in_turns(learner, feeds, rounds=flags.rounds, num_classes=num_classes)
        num_clips = batches * flags.batch_size
        print(f"\n{json.dumps({k: v for k, v in vars(flags).items() if v})}")
        print(f"{flags.rounds} rounds of {batches} batches; the target is at most {WANTED}\n")
        print(table(timed, num_clips=num_clips))
        if jpegs is not None:
            print_device(flags, learner, timed, jpegs, num_clips=num_clips)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""The container's ``train`` command: a SageMaker training job around ``jobs.train``.

video-emotion-sagemaker-train                        (in the container: /opt/ml)
python -m jobs.sagemaker_train --root DIR            (anywhere)

Reads hyperparameters (flags of ``jobs.train`` without dashes) and the channel ``dataset``, or
builds a dataset from the channel ``videos`` with its labels.csv; leaves checkpoints in
checkpoints/, the package in model/, and the reason of a failure in output/failure.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import traceback
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import ray

from emotion import storage
from emotion.errors import EmotionError, InputError
from jobs.aws import hosts as aws_hosts
from jobs.common import cluster
from jobs.common.command import masked, parse
from jobs.training import run as training

RESERVED = ("dataset", "out", "address")
"""Flags of ``jobs.train`` that the tree decides, not a hyperparameter."""
OUT = "out"
"""The one exception: with several hosts the run's folder must be one that all can write, on S3."""


@dataclass(frozen=True)
class Config:
    """Where SageMaker's tree is.

    Attributes:
        root: The tree; default: $SM_ROOT, else /opt/ml.
    """

    root: Path = field(default_factory=lambda: Path(os.environ.get("SM_ROOT", "/opt/ml")))


@dataclass(frozen=True)
class Tree:
    """The places in SageMaker's tree."""

    root: Path

    @property
    def hyperparameters(self) -> Path:
        """JSON object of strings."""
        return self.root / "input/config/hyperparameters.json"

    @property
    def hosts(self) -> Path:
        """JSON: this host and all hosts."""
        return self.root / "input/config/resourceconfig.json"

    @property
    def failure(self) -> Path:
        """Text that DescribeTrainingJob shows as FailureReason (its first 1024 characters)."""
        return self.root / "output/failure"

    @property
    def run(self) -> Path:
        """The run's folder on one host: copied to S3 while it grows, and back after a spot loss."""
        return self.root / "checkpoints/run"

    @property
    def model(self) -> Path:
        """What SageMaker packs into model.tar.gz."""
        return self.root / "model"

    def channel(self, name: str) -> Path:
        """Folder of an input channel."""
        return self.root / "input/data" / name


def read_hyperparameters(text: str, *, known: Collection[str]) -> dict[str, str]:
    """Hyperparameters as flag values; SageMaker's own (``sagemaker_...``) are left out.

    The SDK writes each value as JSON inside a string, plain boto3 as it is: both are read.

    Args:
        text: of hyperparameters.json.
        known: names that are allowed, with underscores.

    Raises:
        InputError: if one is unknown or reserved.

    >>> read_hyperparameters('{"epochs": "3", "sagemaker_region": "x"}', known={"epochs"})
    {'epochs': '3'}
    """
    try:
        values = dict(json.loads(text))
    except (ValueError, TypeError) as err:
        raise InputError(f"hyperparameters.json is not a JSON object: {err}") from err
    found = {}
    for key, value in values.items():
        name = str(key).replace("-", "_")
        if name.startswith("sagemaker_"):
            continue
        if name not in known:
            raise InputError(f"hyperparameter {key!r} is not one of {', '.join(sorted(known))}")
        found[name] = _unquoted(str(value))
    return found


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return str(json.loads(value))
    return value


def train_flags(
    values: Mapping[str, str], *, dataset: str, out: str, address: str | None
) -> list[str]:
    """Arguments of ``jobs.train``.

    >>> train_flags({"batch_size": "8"}, dataset="d", out="o", address=None)
    ['--dataset', 'd', '--out', 'o', '--batch-size', '8']
    """
    flags = ["--dataset", dataset, "--out", out]
    if address is not None:
        flags += ["--address", address]
    for name, value in values.items():
        flags += [f"--{name.replace('_', '-')}", value]
    return flags


def find_dataset(tree: Tree, *, num_hosts: int) -> str:
    """The channel ``dataset``, or a dataset built from the channel ``videos``.

    Raises:
        InputError: if neither channel is there, or several hosts would build apart.
    """
    ready, videos = tree.channel("dataset"), tree.channel("videos")
    if ready.is_dir():
        return str(ready)
    if not videos.is_dir():
        raise InputError(f"no channel 'dataset' and no channel 'videos' in {ready.parent}")
    if num_hosts > 1:
        raise InputError("the channel 'videos' is for one host; build the dataset first")
    from jobs.building import options
    from jobs.building import run as building

    out = str(tree.root / "checkpoints/dataset")  # kept with the checkpoints: a spot loss goes on
    labels = str(videos / "labels.csv")
    flags = ["--videos", str(videos), "--labels", labels, "--out", out]
    if code := building.run(parse(options.Config, flags, verb="jobs.build_dataset", doc=None)):
        raise InputError(f"jobs.build_dataset ended with code {code}; see the log")
    return out


def copy_package(uri: str, folder: Path) -> None:
    """Copy the package's files to the folder that SageMaker packs.

    Raises:
        InputError: if there is none: nothing was trained.
    """
    files = storage.list_files(uri)
    if not files:
        raise InputError(f"training left no package at {uri}")
    for file in files:
        target = folder / storage.relative_to(file.uri, uri)
        storage.write_bytes(str(target), storage.read_bytes(file.uri))


def train_here(tree: Tree, hosts: aws_hosts.Hosts, *, address: str | None) -> None:
    """Train on the Ray at ``address`` (None: one of its own) and leave the package in model/.

    Raises:
        InputError: on wrong input, from here or from ``jobs.train``.
    """
    known = {f.name for f in dataclasses.fields(training.Config)} - set(RESERVED) | {OUT}
    text = tree.hyperparameters.read_text() if tree.hyperparameters.is_file() else "{}"
    values = read_hyperparameters(text, known=known)
    out = values.pop(OUT, str(tree.run))
    if len(hosts.names) > 1 and cluster.cluster_gpus() == 0:  # with GPUs it is one worker for each
        values.setdefault("workers", str(len(hosts.names)))
    if len(hosts.names) > 1 and storage.is_local(out):
        raise InputError("several hosts need the hyperparameter out=s3://..., which all can write")
    dataset = find_dataset(tree, num_hosts=len(hosts.names))
    flags = train_flags(values, dataset=dataset, out=out, address=address)
    try:
        chosen = parse(training.Config, flags, verb="jobs.train", doc=None)
    except SystemExit as err:
        shown = masked(" ".join(flags))
        raise InputError(f"jobs.train does not take {shown}; see the log") from err
    code = training.run(chosen)
    if code:
        raise InputError(f"jobs.train ended with code {code}; see the log")
    copy_package(storage.join(out, "package"), tree.model)


def run(tree: Tree) -> None:
    """This host's part of the job."""
    hosts = aws_hosts.read_hosts(tree.hosts)
    if len(hosts.names) == 1:
        train_here(tree, hosts, address=None)
    elif hosts.is_head:
        address = aws_hosts.start_head(hosts)
        try:
            ray.init(address=address)
            aws_hosts.wait_for_nodes(len(hosts.names))
            train_here(tree, hosts, address=address)
        finally:
            ray.shutdown()
            aws_hosts.ray_command("stop")
    else:
        aws_hosts.join_head(hosts)
        aws_hosts.wait_until_gone(hosts)
        aws_hosts.ray_command("stop")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; 1 and output/failure when it fails, whatever the reason."""
    words = list(sys.argv[1:] if argv is None else argv)
    config = parse(
        Config,
        words[1:] if words[:1] == ["train"] else words,
        verb="jobs.sagemaker_train",
        doc=__doc__,
    )
    tree = Tree(config.root)
    try:
        run(tree)
    except EmotionError as err:
        _write_failure(tree, str(err))
        print(f"error: {err}", file=sys.stderr)
        return 1
    except BaseException:  # any bug: SageMaker shows what is in the file, then Python ends with 1
        _write_failure(tree, traceback.format_exc())
        raise
    return 0


def _write_failure(tree: Tree, text: str) -> None:
    """The end of a traceback says what happened; SageMaker shows the first 1024 characters."""
    tree.failure.parent.mkdir(parents=True, exist_ok=True)
    tree.failure.write_text(text if len(text) <= 1024 else "..." + text[-1021:])


if __name__ == "__main__":
    raise SystemExit(main())

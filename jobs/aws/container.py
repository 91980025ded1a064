"""Training job in SageMaker's container: read hyperparameters and data, train, copy the package.

A job with one host runs ``train_here``. Several hosts first form a Ray cluster, see
``jobs.aws.hosts``.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import traceback
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import ray

from emotion import storage
from emotion.errors import EmotionError, InputError
from jobs.aws import hosts as aws_hosts
from jobs.common import cluster
from jobs.common.command import masked, parse
from jobs.common.flags import flag_words
from jobs.training import run as training
from jobs.training.options import Config as TrainConfig

RESERVED = ("dataset", "out", "address")
"""Flags of ``jobs.train`` that this module sets; hyperparameters with these names are refused."""
OUT = "out"
"""Reserved flag that is allowed as a hyperparameter: several hosts need one folder on S3."""


@dataclass(frozen=True)
class Tree:
    """Files and folders that SageMaker defines in a container, below ``root`` (/opt/ml)."""

    root: Path

    @property
    def hyperparameters(self) -> Path:
        """JSON file with the hyperparameters: an object whose values are strings."""
        return self.root / "input/config/hyperparameters.json"

    @property
    def hosts(self) -> Path:
        """JSON file with the names of this host and of all hosts."""
        return self.root / "input/config/resourceconfig.json"

    @property
    def failure(self) -> Path:
        """Text file whose first 1024 characters DescribeTrainingJob shows as FailureReason."""
        return self.root / "output/failure"

    @property
    def run(self) -> Path:
        """Folder of the run of one host; SageMaker copies it to S3, and back after a spot loss."""
        return self.root / "checkpoints/run"

    @property
    def model(self) -> Path:
        """Folder that SageMaker packs into model.tar.gz after the job."""
        return self.root / "model"

    def channel(self, name: str) -> Path:
        """Return the folder of an input channel."""
        return self.root / "input/data" / name


def read_hyperparameters(text: str, *, known: Collection[str]) -> dict[str, str]:
    """Return the hyperparameters as texts by flag name, without SageMaker's own (``sagemaker_*``).

    SageMaker's SDK writes each value as JSON inside a string, boto3 writes the plain text. Both
    forms are accepted.

    Args:
        text: content of hyperparameters.json.
        known: allowed names, with underscores.

    Raises:
        InputError: if ``text`` is not a JSON object, or a name is not in ``known``.

    >>> read_hyperparameters('{"epochs": "3", "sagemaker_region": "x"}', known={"epochs"})
    {'epochs': '3'}
    """
    try:
        values = dict(json.loads(text))
    except (ValueError, TypeError) as err:
        raise InputError(f"hyperparameters.json is not a JSON object: {err}") from err
    flags = {}
    for key, value in values.items():
        name = str(key).replace("-", "_")
        if name.startswith("sagemaker_"):
            continue
        if name not in known:
            raise InputError(f"hyperparameter {key!r} is not one of {', '.join(sorted(known))}")
        flags[name] = _unquoted(str(value))
    return flags


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return str(json.loads(value))
    return value


def train_flags(
    values: Mapping[str, str], *, dataset: str, out: str, address: str | None
) -> list[str]:
    """Return the command line of ``jobs.train``; ``values`` are flag values by name.

    >>> train_flags({"batch_size": "8"}, dataset="d", out="o", address=None)
    ['--dataset', 'd', '--out', 'o', '--batch-size', '8']
    """
    flags = ["--dataset", dataset, "--out", out]
    if address is not None:
        flags += ["--address", address]
    return flags + flag_words(TrainConfig, values)


def find_dataset(tree: Tree, *, num_hosts: int) -> str:
    """Return the folder of the channel ``dataset``, or build a dataset from the channel ``videos``.

    Raises:
        InputError: if both channels are missing, the build fails, or several hosts are to build.
    """
    ready, videos = tree.channel("dataset"), tree.channel("videos")
    if ready.is_dir():
        return str(ready)
    if not videos.is_dir():
        raise InputError(
            f"no channel 'dataset' and no channel 'videos' in {ready.parent}; give one of them"
        )
    if num_hosts > 1:
        raise InputError("the channel 'videos' is for one host; build the dataset first")
    from jobs.building import options
    from jobs.building import run as building

    # SageMaker keeps checkpoints/, so the build resumes after a spot loss.
    out = str(tree.root / "checkpoints/dataset")
    labels = str(videos / "labels.csv")
    flags = ["--videos", str(videos), "--labels", labels, "--out", out]
    if code := building.run(parse(options.Config, flags, verb="jobs.build_dataset", doc=None)):
        raise InputError(f"jobs.build_dataset ended with code {code}; see the log")
    return out


def copy_package(uri: str, folder: Path) -> None:
    """Copy the files of the package at ``uri`` to ``folder``, which SageMaker packs.

    Raises:
        InputError: if there is no file at ``uri``.
    """
    files = storage.list_files(uri)
    if not files:
        raise InputError(f"training left no package at {uri}")
    for file in files:
        target = folder / storage.relative_to(file.uri, uri)
        storage.write_bytes(str(target), storage.read_bytes(file.uri))


def train_here(tree: Tree, hosts: aws_hosts.Hosts, *, address: str | None) -> None:
    """Train on the Ray cluster at ``address`` and copy the package to model/.

    Args:
        tree: SageMaker's files and folders.
        hosts: hosts of the job.
        address: address of the Ray cluster; None starts a local Ray.

    Raises:
        InputError: if a hyperparameter is wrong, or the build or the training fails.
    """
    known = {f.name for f in dataclasses.fields(TrainConfig)} - set(RESERVED) | {OUT}
    text = tree.hyperparameters.read_text() if tree.hyperparameters.is_file() else "{}"
    values = read_hyperparameters(text, known=known)
    out = values.pop(OUT, str(tree.run))
    if len(hosts.names) > 1 and cluster.cluster_gpus() == 0:
        # With GPUs the default is one worker for each.
        values.setdefault("workers", str(len(hosts.names)))
    if len(hosts.names) > 1 and storage.is_local(out):
        raise InputError(
            "several hosts need the hyperparameter out=s3://..., a folder that all can write"
        )
    dataset = find_dataset(tree, num_hosts=len(hosts.names))
    flags = train_flags(values, dataset=dataset, out=out, address=address)
    try:
        chosen = parse(TrainConfig, flags, verb="jobs.train", doc=None)
    except SystemExit as err:
        shown = masked(" ".join(flags))
        raise InputError(f"jobs.train refuses {shown}; see the log") from err
    code = training.run(chosen)
    if code:
        raise InputError(f"jobs.train ended with code {code}; see the log")
    copy_package(storage.join(out, "package"), tree.model)


def run(tree: Tree) -> int:
    """Run this host's part of the job; return 0, or 1 after an expected error.

    Every failure, including a bug, is written to ``tree.failure``, whose text SageMaker shows. A
    bug is raised again.
    """
    try:
        _run(tree)
    except EmotionError as err:
        _write_failure(tree, str(err))
        print(f"error: {err}", file=sys.stderr)
        return 1
    except BaseException:  # a bug: write its traceback and raise it; Python exits with code 1
        _write_failure(tree, traceback.format_exc())
        raise
    return 0


def _run(tree: Tree) -> None:
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


def _write_failure(tree: Tree, text: str) -> None:
    """Write at most 1024 characters of ``text``, because SageMaker shows no more.

    Keep the end of a longer text, because the end of a traceback names the error.
    """
    tree.failure.parent.mkdir(parents=True, exist_ok=True)
    tree.failure.write_text(text if len(text) <= 1024 else "..." + text[-1021:])

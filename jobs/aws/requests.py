"""SageMaker requests as plain values: one function per verb, nothing is sent here."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import tyro

from emotion import storage
from emotion.errors import InputError

JSON_LINES = "application/jsonlines"
Params = dict[str, Any]
"""A request's JSON; botocore's service model is its type, and checks it."""


def _default_name() -> str:
    return time.strftime("video-emotion-%Y%m%d-%H%M%S", time.gmtime())


@dataclass(frozen=True)
class Call:
    """One request: the operation's name in the API, and its parameters."""

    operation: str
    params: Params


@dataclass(frozen=True, kw_only=True)
class Common:
    """What every verb needs.

    Attributes:
        image: Address of this project's image in a container registry that SageMaker reads.
        role: ARN of the IAM role that the container runs as.
        name: Of the job, model or endpoint; default: with date and time.
        instance_type: SageMaker's machine type.
        instance_count: Machines.
        yunet: s3:// address of the YuNet weights, for containers that cannot download them.
        wait: Wait until it is done; exit code 2 when it failed.
        dry_run: Print the checked requests and send nothing.
    """

    image: str
    role: str
    name: str = field(default_factory=_default_name)
    instance_type: str = "ml.m5.xlarge"
    instance_count: int = 1
    yunet: str | None = None
    wait: tyro.conf.FlagCreatePairsOff[bool] = False
    dry_run: tyro.conf.FlagCreatePairsOff[bool] = False


@dataclass(frozen=True, kw_only=True)
class Train(Common):
    """Train on a dataset, or on videos with a labels.csv among them.

    Attributes:
        out: s3:// prefix for checkpoints and the model.tar.gz.
        dataset: s3:// prefix of a dataset that ``jobs.build_dataset`` made.
        videos: s3:// prefix of videos with labels.csv, instead of --dataset; one machine only.
        hyperparameters: Flags of ``jobs.train`` as NAME=VALUE ...
        spot: Use spot machines; the run goes on from its checkpoint after a loss.
        volume_gb: Disk of each machine.
        max_runtime_s: The job is stopped after this time.
    """

    out: str
    dataset: str = ""
    videos: str = ""
    hyperparameters: tuple[str, ...] = ()
    spot: tyro.conf.FlagCreatePairsOff[bool] = False
    volume_gb: int = 100
    max_runtime_s: int = 24 * 3600


@dataclass(frozen=True, kw_only=True)
class Deploy(Common):
    """Answer requests at an endpoint.

    Attributes:
        package: s3:// prefix of a package, or its model.tar.gz.
        async_out: s3:// prefix for answers: the endpoint is asynchronous (to 1 GB and 1 h a video).
    """

    package: str
    async_out: str = ""


@dataclass(frozen=True, kw_only=True)
class Transform(Common):
    """Score every video of a folder.

    Attributes:
        package: s3:// prefix of a package, or its model.tar.gz.
        videos: s3:// prefix of videos.
        out: s3:// prefix: manifest/, answers/ (a line per video) and videos/ (a JSON per video).
    """

    package: str
    videos: str
    out: str

    @property
    def manifest_uri(self) -> str:
        """Folder of the JSON lines that the job reads."""
        return storage.join(storage.absolute(self.out), "manifest")


def _s3(name: str, value: str) -> str:
    if not re.fullmatch(r"s3://[^/]+(/.*)?", value):
        raise InputError(f"--{name} is {value!r}, must be an s3:// address: SageMaker reads S3")
    return value.rstrip("/")


def train_calls(config: Train) -> list[Call]:
    """``CreateTrainingJob``.

    Raises:
        InputError: unless exactly one of dataset and videos is given, and all lie on S3.
    """
    if bool(config.dataset) == bool(config.videos):
        raise InputError("give one of --dataset and --videos")
    if config.videos and config.instance_count > 1:
        raise InputError("--videos is for one machine; build the dataset first")
    out = _s3("out", config.out)
    name: Literal["dataset", "videos"] = "dataset" if config.dataset else "videos"
    stopping = {"MaxRuntimeInSeconds": config.max_runtime_s}
    if config.spot:
        stopping["MaxWaitTimeInSeconds"] = 2 * config.max_runtime_s
    hyperparameters = parse_hyperparameters(config.hyperparameters)
    if config.instance_count > 1:  # the run's folder must be one that every machine can write
        hyperparameters.setdefault("out", f"{out}/{config.name}/run")
    params: Params = {
        "TrainingJobName": config.name,
        "RoleArn": config.role,
        "AlgorithmSpecification": {"TrainingImage": config.image, "TrainingInputMode": "File"},
        "HyperParameters": hyperparameters,
        "Environment": _environment(config),
        "InputDataConfig": [_channel(name, _s3(name, config.dataset or config.videos))],
        "OutputDataConfig": {"S3OutputPath": out},
        "CheckpointConfig": {
            "S3Uri": f"{out}/{config.name}/checkpoints",
            "LocalPath": "/opt/ml/checkpoints",
        },
        "ResourceConfig": {
            "InstanceType": config.instance_type,
            "InstanceCount": config.instance_count,
            "VolumeSizeInGB": config.volume_gb,
        },
        "StoppingCondition": stopping,
        "EnableManagedSpotTraining": config.spot,
    }
    return [Call("CreateTrainingJob", params)]


def deploy_calls(config: Deploy) -> list[Call]:
    """``CreateModel``, ``CreateEndpointConfig``, ``CreateEndpoint``."""
    variant = {
        "VariantName": "all",
        "ModelName": config.name,
        "InstanceType": config.instance_type,
        "InitialInstanceCount": config.instance_count,
        "ContainerStartupHealthCheckTimeoutInSeconds": 600,
    }
    endpoint: Params = {"EndpointConfigName": config.name, "ProductionVariants": [variant]}
    if config.async_out:
        endpoint["AsyncInferenceConfig"] = {
            "OutputConfig": {"S3OutputPath": _s3("async-out", config.async_out)},
            "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 1},
        }
    names = {"EndpointName": config.name, "EndpointConfigName": config.name}
    model = _model(config, package=config.package, environment=_environment(config))
    return [model, Call("CreateEndpointConfig", endpoint), Call("CreateEndpoint", names)]


def transform_calls(config: Transform) -> list[Call]:
    """``CreateModel`` and ``CreateTransformJob`` over a manifest of JSON lines.

    The payload is a line that names a video: the container reads the video itself, so that no
    limit of 100 MB applies, and one failing video costs one line.
    """
    _s3("videos", config.videos)
    out = _s3("out", config.out)
    environment = _environment(config) | {
        "VIDEO_EMOTION_ALLOW_URI": _s3("videos", config.videos),
        "VIDEO_EMOTION_OUTPUT": f"{out}/videos",
    }
    source = {"S3DataType": "S3Prefix", "S3Uri": f"{config.manifest_uri}/"}
    params: Params = {
        "TransformJobName": config.name,
        "ModelName": config.name,
        "MaxConcurrentTransforms": 1,
        "MaxPayloadInMB": 1,
        "BatchStrategy": "SingleRecord",
        "ModelClientConfig": {"InvocationsTimeoutInSeconds": 3600, "InvocationsMaxRetries": 1},
        "TransformInput": {
            "DataSource": {"S3DataSource": source},
            "ContentType": JSON_LINES,
            "SplitType": "Line",
        },
        "TransformOutput": {
            "S3OutputPath": f"{out}/answers",
            "Accept": JSON_LINES,
            "AssembleWith": "Line",
        },
        "TransformResources": {
            "InstanceType": config.instance_type,
            "InstanceCount": config.instance_count,
        },
    }
    model = _model(config, package=config.package, environment=environment)
    return [model, Call("CreateTransformJob", params)]


def parse_hyperparameters(pairs: Sequence[str]) -> dict[str, str]:
    """``NAME=VALUE`` texts as SageMaker's map of strings.

    Raises:
        InputError: if one has no ``=``.

    >>> parse_hyperparameters(["epochs=3", "lr=0.01"])
    {'epochs': '3', 'lr': '0.01'}
    """
    for pair in pairs:
        if "=" not in pair:
            raise InputError(f"hyperparameter {pair!r} must be NAME=VALUE")
    return dict(pair.split("=", 1) for pair in pairs)


def manifest_parts(uris: Sequence[str], root: str, *, count: int) -> list[tuple[str, str]]:
    """File names and texts of a manifest in ``count`` parts: one line per video.

    SageMaker gives each machine whole files, so there are as many as machines. A record's id is
    made of the video's address below ``root``: the same video is the same record in every run.

    >>> manifest_parts(["s3://b/v/a/1.mp4"], "s3://b/v", count=1)[0][0]
    'part-00000.jsonl'
    """
    parts = []
    for index in range(min(count, len(uris))):
        lines = [
            json.dumps({"record_id": record_id(storage.relative_to(uri, root)), "video_uri": uri})
            for uri in uris[index::count]
        ]
        parts.append((f"part-{index:05d}.jsonl", "\n".join(lines) + "\n"))
    return parts


def record_id(relative_uri: str) -> str:
    """A name for a file: readable, safe, and different for different addresses.

    >>> record_id("s000/a b.mp4")
    's000_a_b.mp4-e75a297c'
    """
    digest = hashlib.sha256(relative_uri.encode()).hexdigest()[:8]
    readable = re.sub(r"[^A-Za-z0-9.-]", "_", relative_uri)[-150:].lstrip("._-")
    return f"{readable}-{digest}" if readable else digest


def _environment(config: Common) -> dict[str, str]:
    return {"VIDEO_EMOTION_YUNET": config.yunet} if config.yunet else {}


def _channel(name: str, uri: str) -> Params:
    source = {
        "S3DataType": "S3Prefix",
        "S3Uri": f"{uri}/",
        "S3DataDistributionType": "FullyReplicated",
    }
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def _model(config: Common, *, package: str, environment: dict[str, str]) -> Call:
    uri = _s3("package", package)
    container: Params = {"Image": config.image, "Environment": environment}
    if uri.endswith(".tar.gz"):
        container["ModelDataUrl"] = uri
    else:
        source = {"S3Uri": f"{uri}/", "S3DataType": "S3Prefix", "CompressionType": "None"}
        container["ModelDataSource"] = {"S3DataSource": source}
    params = {
        "ModelName": config.name,
        "ExecutionRoleArn": config.role,
        "PrimaryContainer": container,
    }
    return Call("CreateModel", params)

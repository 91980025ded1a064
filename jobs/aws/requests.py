"""Flags of jobs.sagemaker, and the SageMaker requests for them; ``jobs.aws.send`` sends these."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from emotion import storage
from emotion.errors import InputError
from emotion.ranges import at_least, check_ranges
from jobs.common.flags import pairs

JSON_LINES = "application/jsonlines"
Params = dict[str, Any]
"""Parameters of a request as JSON values; ``jobs.aws.send.check_calls`` checks them."""


def _default_name() -> str:
    return time.strftime("video-emotion-%Y%m%d-%H%M%S", time.gmtime())


@dataclass(frozen=True)
class Call:
    """One request to SageMaker: the name of the operation in the API, and its parameters."""

    operation: str
    params: Params


@dataclass(frozen=True, kw_only=True)
class Common:
    """Flags that train, deploy and transform share.

    Attributes:
        image: Address of this project's image in a container registry that SageMaker can read.
        role: ARN of the IAM role with which the container runs.
        name: Name of the job, model or endpoint; default: video-emotion-DATE-TIME in UTC.
        instance_type: SageMaker instance type (machine type).
        instance_count: Number of machines, at least 1.
        yunet: s3:// address of YuNet's weights, for containers that cannot download them;
            default: the container downloads them.
        wait: Wait until the job has ended or the endpoint is in service; exit code 2 if it failed.
        dry_run: Check the requests and print them as JSON; send nothing.
    """

    image: str
    role: str
    name: str = field(default_factory=_default_name)
    instance_type: str = "ml.m5.xlarge"
    instance_count: int = 1
    yunet: str | None = None
    wait: bool = False
    dry_run: bool = False

    def __post_init__(self) -> None:
        check_ranges(self, instance_count=at_least(1))


@dataclass(frozen=True, kw_only=True)
class Train(Common):
    """Train on a dataset, or on videos and their labels.csv.

    Attributes:
        out: s3:// prefix for the checkpoints and for model.tar.gz.
        dataset: s3:// prefix of a dataset that jobs.build_dataset made. Give either --dataset or
            --videos.
        videos: s3:// prefix of videos and their labels.csv, from which the job builds a dataset
            first; one machine only.
        hyperparameters: Flags of jobs.train as NAME=VALUE, such as epochs=30 lr=0.001.
        spot: Use spot machines, which AWS may stop; training then resumes from its checkpoint.
        volume_gb: Disk of each machine in GB, at least 1.
        max_runtime_s: Seconds after which SageMaker stops the job, at least 1.
    """

    out: str
    dataset: str = ""
    videos: str = ""
    hyperparameters: tuple[str, ...] = ()
    spot: bool = False
    volume_gb: int = 100
    max_runtime_s: int = 24 * 3600

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(self, volume_gb=at_least(1), max_runtime_s=at_least(1))


@dataclass(frozen=True, kw_only=True)
class Deploy(Common):
    """Deploy a model package as an endpoint.

    Attributes:
        package: s3:// prefix of a model package, or s3:// address of its model.tar.gz.
        async_out: s3:// prefix for answers. It makes the endpoint asynchronous, with at most 1 GB
            and 1 hour per video. Default: a synchronous endpoint.
    """

    package: str
    async_out: str = ""


@dataclass(frozen=True, kw_only=True)
class Transform(Common):
    """Score every video of a folder in a batch transform job.

    Attributes:
        package: s3:// prefix of a model package, or s3:// address of its model.tar.gz.
        videos: s3:// prefix of the videos.
        out: s3:// prefix for the results: manifest/ (input of the job), answers/ (one JSON line
            per video) and videos/ (one JSON file per video).
    """

    package: str
    videos: str
    out: str

    @property
    def manifest_uri(self) -> str:
        """Address of the folder with the JSON lines that the transform job reads."""
        return storage.join(storage.absolute(self.out), "manifest")


def _s3(name: str, value: str) -> str:
    if not re.fullmatch(r"s3://[^/]+(/.*)?", value):
        raise InputError(
            f"--{name} must be an s3:// address, got {value!r}: SageMaker reads S3 only"
        )
    return value.rstrip("/")


def train_calls(config: Train) -> list[Call]:
    """Return the request ``CreateTrainingJob``.

    Raises:
        InputError: if not exactly one of --dataset and --videos is given, an address is not on S3,
            or --videos is given with several machines.
    """
    if bool(config.dataset) == bool(config.videos):
        raise InputError("give exactly one of --dataset and --videos")
    if config.videos and config.instance_count > 1:
        raise InputError(
            "--videos is for one machine; build the dataset first, then give --dataset"
        )
    out = _s3("out", config.out)
    name: Literal["dataset", "videos"] = "dataset" if config.dataset else "videos"
    stopping = {"MaxRuntimeInSeconds": config.max_runtime_s}
    if config.spot:
        stopping["MaxWaitTimeInSeconds"] = 2 * config.max_runtime_s
    hyperparameters = pairs(config.hyperparameters, flag="hyperparameters")
    if config.instance_count > 1:  # every machine must be able to write the run's folder
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
    """Return the requests ``CreateModel``, ``CreateEndpointConfig`` and ``CreateEndpoint``."""
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
    """Return the requests ``CreateModel`` and ``CreateTransformJob`` over a manifest of JSON lines.

    Each line names a video, and the container reads the video from S3. So SageMaker's limit of 100
    MB per payload does not apply to videos, and a video that fails spoils only one line.
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


def manifest_parts(uris: Sequence[str], root: str, *, count: int) -> list[tuple[str, str]]:
    """Return the file names and texts of a manifest in ``count`` parts, with one line per video.

    SageMaker gives whole files to each machine, so ``count`` is the number of machines. Fewer
    videos give fewer parts. The record_id depends only on the video's path below ``root``, so it is
    the same in every run. ``root`` is the folder of the videos.

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
    """Return a unique file name for a path: its letters, digits and ``. _ -``, and 8 hash digits.

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

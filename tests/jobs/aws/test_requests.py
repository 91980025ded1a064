"""``python -m jobs.sagemaker``: requests written by hand, botocore's check, moto's service."""

from __future__ import annotations

import json
from collections.abc import Iterator

import boto3
import pytest
import s3fs
from moto.server import ThreadedMotoServer

from emotion.errors import InputError
from jobs import sagemaker
from jobs.aws.requests import Call, manifest_parts, record_id
from jobs.aws.send import check_calls, send

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/video-emotion:1"
ROLE = "arn:aws:iam::123456789012:role/video-emotion"
COMMON = ["--image", IMAGE, "--role", ROLE]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3fs.S3FileSystem.clear_instance_cache()  # cached instances have the address of another server
    boto3.client("s3").create_bucket(Bucket="buck")
    yield f"http://{host}:{port}"
    server.stop()
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def no_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)


def dry_run(capsys: pytest.CaptureFixture[str], *args: str) -> dict[str, dict[str, object]]:
    assert sagemaker.main([*args, "--dry-run"]) == 0
    return {r["operation"]: r["request"] for r in json.loads(capsys.readouterr().out)}


@pytest.mark.usefixtures("no_aws")
def test_a_dry_run_prints_the_training_request(capsys: pytest.CaptureFixture[str]) -> None:
    requests = dry_run(
        capsys, "train", *COMMON, "--name", "t1", "--dataset", "s3://buck/ds/", "--out", "s3://buck/runs",
        "--spot", "--max-runtime-s", "3600", "--hyperparameters", "epochs=3", "lr=0.01",
    )  # fmt: skip
    request = requests["CreateTrainingJob"]
    assert request["HyperParameters"] == {"epochs": "3", "lr": "0.01"}
    assert request["EnableManagedSpotTraining"] is True
    expected = {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200}
    assert request["StoppingCondition"] == expected
    channel = request["InputDataConfig"][0]  # type: ignore[index]
    assert channel["ChannelName"] == "dataset"
    assert channel["DataSource"]["S3DataSource"]["S3Uri"] == "s3://buck/ds/"
    assert request["CheckpointConfig"]["S3Uri"] == "s3://buck/runs/t1/checkpoints"  # type: ignore[index]


@pytest.mark.usefixtures("no_aws")
def test_several_machines_write_their_run_to_s3(capsys: pytest.CaptureFixture[str]) -> None:
    requests = dry_run(
        capsys, "train", *COMMON, "--name", "t1", "--dataset", "s3://buck/ds", "--out", "s3://buck/runs",
        "--instance-count", "2",
    )  # fmt: skip
    assert requests["CreateTrainingJob"]["HyperParameters"] == {"out": "s3://buck/runs/t1/run"}


@pytest.mark.usefixtures("no_aws")
@pytest.mark.parametrize(
    ("package", "key", "value"),
    [
        ("s3://buck/model.tar.gz", "ModelDataUrl", "s3://buck/model.tar.gz"),
        (
            "s3://buck/run/package",
            "ModelDataSource",
            {
                "S3DataSource": {
                    "S3Uri": "s3://buck/run/package/",
                    "S3DataType": "S3Prefix",
                    "CompressionType": "None",
                }
            },
        ),
    ],
)
def test_a_package_is_named_as_a_file_or_as_a_folder(
    capsys: pytest.CaptureFixture[str], package: str, key: str, value: object
) -> None:
    requests = dry_run(capsys, "deploy", *COMMON, "--name", "e1", "--package", package)
    assert requests["CreateModel"]["PrimaryContainer"][key] == value  # type: ignore[index]
    assert requests["CreateEndpoint"] == {"EndpointName": "e1", "EndpointConfigName": "e1"}


@pytest.mark.usefixtures("no_aws")
@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--role", "me", "--dataset", "s3://buck/d", "--out", "s3://buck/o"], "RoleArn"),
        (
            ["--role", ROLE, "--dataset", "/d", "--out", "s3://buck/o"],
            "--dataset must be an s3:// address, got '/d'",
        ),
        (
            ["--role", ROLE, "--dataset", "s3://buck/d", "--out", "/o"],
            "--out must be an s3:// address, got '/o'",
        ),
        (["--role", ROLE, "--out", "s3://buck/o"], "exactly one of --dataset and --videos"),
        (
            ["--role", ROLE, "--dataset", "s3://buck/d", "--out", "s3://buck/o", "--name", "a b"],
            "'a b'",
        ),
        (
            [
                "--role",
                ROLE,
                "--videos",
                "s3://buck/v",
                "--out",
                "s3://buck/o",
                "--instance-count",
                "2",
            ],
            "one machine",
        ),
        (
            [
                "--role",
                ROLE,
                "--dataset",
                "s3://buck/d",
                "--out",
                "s3://buck/o",
                "--hyperparameters",
                "x",
            ],
            "NAME=VALUE",
        ),
    ],
)
def test_a_bad_request_is_one_line(
    capsys: pytest.CaptureFixture[str], args: list[str], message: str
) -> None:
    assert sagemaker.main(["train", "--image", IMAGE, *args, "--dry-run"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and message in error


def test_an_unknown_parameter_is_refused() -> None:
    call = Call("CreateEndpoint", {"EndpointName": "e", "EndpointConfigName": "e", "Colour": "red"})
    with pytest.raises(InputError, match='Unknown parameter in input: "Colour"'):
        check_calls([call])


@pytest.mark.usefixtures("aws")
def test_a_training_job_is_created_and_awaited(capsys: pytest.CaptureFixture[str]) -> None:
    args = [
        "train",
        *COMMON,
        "--name",
        "t1",
        "--dataset",
        "s3://buck/ds",
        "--out",
        "s3://buck/runs",
    ]
    assert sagemaker.main([*args, "--hyperparameters", "epochs=3", "--wait"]) == 0
    job = boto3.client("sagemaker").describe_training_job(TrainingJobName="t1")
    assert job["AlgorithmSpecification"]["TrainingImage"] == IMAGE
    assert job["HyperParameters"] == {"epochs": "3"}
    assert (job["ResourceConfig"]["InstanceCount"], job["RoleArn"]) == (1, ROLE)
    assert "t1: done" in capsys.readouterr().err


@pytest.mark.usefixtures("aws")
def test_the_service_refusal_is_reported() -> None:
    call = Call("CreateEndpoint", {"EndpointName": "e9", "EndpointConfigName": "none"})
    with pytest.raises(InputError, match="CreateEndpoint e9: .*ValidationException"):
        send([call])


@pytest.mark.usefixtures("aws")
def test_an_endpoint_is_created() -> None:
    args = ["deploy", *COMMON, "--name", "e1", "--package", "s3://buck/model.tar.gz"]
    assert sagemaker.main([*args, "--async-out", "s3://buck/answers", "--wait"]) == 0
    client = boto3.client("sagemaker")
    assert client.describe_endpoint(EndpointName="e1")["EndpointStatus"] == "InService"
    model = client.describe_model(ModelName="e1")
    assert model["PrimaryContainer"]["ModelDataUrl"] == "s3://buck/model.tar.gz"
    endpoint = client.describe_endpoint_config(EndpointConfigName="e1")
    assert endpoint["AsyncInferenceConfig"]["OutputConfig"]["S3OutputPath"] == "s3://buck/answers"


@pytest.mark.usefixtures("aws")
def test_a_transform_job_reads_a_manifest_of_every_video() -> None:
    s3 = boto3.client("s3")
    for key in ("v/a/1.mp4", "v/a/2.MOV", "v/b/3.mp4", "v/labels.csv"):
        s3.put_object(Bucket="buck", Key=key, Body=b"x")
    args = ["transform", *COMMON, "--name", "s1", "--package", "s3://buck/run/package"]
    more = ["--videos", "s3://buck/v", "--out", "s3://buck/scores", "--instance-count", "2"]
    assert sagemaker.main([*args, *more, "--wait"]) == 0
    job = boto3.client("sagemaker").describe_transform_job(TransformJobName="s1")
    source = job["TransformInput"]["DataSource"]["S3DataSource"]
    assert (source["S3Uri"], job["TransformInput"]["SplitType"]) == (
        "s3://buck/scores/manifest/",
        "Line",
    )
    lines = []
    for part in ("part-00000.jsonl", "part-00001.jsonl"):
        body = s3.get_object(Bucket="buck", Key=f"scores/manifest/{part}")["Body"].read()
        lines += [json.loads(line) for line in body.splitlines()]
    uris = sorted(line["video_uri"] for line in lines)
    assert uris == ["s3://buck/v/a/1.mp4", "s3://buck/v/a/2.MOV", "s3://buck/v/b/3.mp4"]
    container = boto3.client("sagemaker").describe_model(ModelName="s1")["PrimaryContainer"]
    assert container["Environment"] == {
        "VIDEO_EMOTION_ALLOW_URI": "s3://buck/v",
        "VIDEO_EMOTION_OUTPUT": "s3://buck/scores/videos",
    }


@pytest.mark.usefixtures("aws")
def test_a_folder_without_videos_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    args = ["transform", *COMMON, "--package", "s3://buck/p", "--videos", "s3://buck/none"]
    assert sagemaker.main([*args, "--out", "s3://buck/o"]) == 2
    assert capsys.readouterr().err.startswith("error: s3://buck/none holds no video")


@pytest.mark.parametrize(
    ("num_videos", "count", "sizes"), [(0, 2, []), (1, 3, [1]), (3, 2, [2, 1])]
)
def test_a_manifest_has_a_part_per_machine(num_videos: int, count: int, sizes: list[int]) -> None:
    uris = [f"s3://buck/v/{k}.mp4" for k in range(num_videos)]
    parts = manifest_parts(uris, "s3://buck/v", count=count)
    assert [text.count("\n") for _, text in parts] == sizes


def test_record_ids_of_different_videos_differ() -> None:
    names = ["a/b.mp4", "a_b.mp4", "a b.mp4", "ä.mp4", "../x.mp4", "é"]
    ids = [record_id(name) for name in names]
    assert len(set(ids)) == len(names)
    assert ids[3].startswith("mp4-")  # an id must not begin with a dot or a dash

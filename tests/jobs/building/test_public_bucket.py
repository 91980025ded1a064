"""A build from a public bucket, without credentials."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest
from s3fs import S3FileSystem

from emotion import storage
from jobs.build_dataset import main
from tests.helpers.faults import build_arguments

pytestmark = [pytest.mark.large, pytest.mark.s3]


def test_a_public_bucket_is_read_without_credentials(
    corpus: Path,
    s3: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    client = boto3.client("s3")
    bucket = s3.removeprefix("s3://")
    client.put_bucket_acl(Bucket=bucket, ACL="public-read")
    names = ["videos/s0/happy.mp4", "videos/s1/happy.mp4"]
    lines = (corpus / "labels.csv").read_text().splitlines()
    table = "\n".join([lines[0], *(x for x in lines if x.startswith(tuple(names)))])
    objects = {name: (corpus / name).read_bytes() for name in names}
    for name, content in (objects | {"labels.csv": table.encode()}).items():
        client.put_object(Bucket=bucket, Key=name, Body=content, ACL="public-read")
    client.close()
    arguments = build_arguments(s3, str(tmp_path / "out"), "--runner", "processes")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))

    S3FileSystem.clear_instance_cache()
    assert main(arguments) == 2
    assert "for a public bucket AWS_NO_SIGN_REQUEST=yes" in capsys.readouterr().err

    monkeypatch.setenv("AWS_NO_SIGN_REQUEST", "yes")
    S3FileSystem.clear_instance_cache()
    assert main(arguments) == 0
    videos = storage.read_tables(str(tmp_path / "out/videos")).to_pylist()
    assert sorted(row["uri"] for row in videos) == names
    S3FileSystem.clear_instance_cache()

"""Faults of the machine and of the storage are one line; a bug keeps its traceback."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from emotion.errors import InputError
from jobs.common.faults import expected_line


@pytest.mark.parametrize(
    "raised, line",
    [
        (KeyError("a"), None),
        (FileNotFoundError(2, "gone"), None),
        (InputError("--out is full"), "--out is full"),
        (ConnectionResetError(104, "reset"), "[Errno 104] reset"),
        (
            OSError(28, "No space left on device"),
            "[Errno 28] No space left on device; the disk of the output, or of the temporary "
            "folder, is full: free some space",
        ),
        (OSError(27, "File too large"), "[Errno 27] File too large"),
        (PermissionError("Access Denied"), "Access Denied"),
        (
            ClientError(
                {"Error": {"Code": "ExpiredToken", "Message": "The token has expired."}},
                "PutObject",
            ),
            "An error occurred (ExpiredToken) when calling the PutObject operation: "
            "The token has expired.",
        ),
        (
            ClientError(
                {
                    "Error": {
                        "Code": "NoSuchBucket",
                        "Message": "The specified bucket does not exist",
                        "BucketName": "vidoes",  # type: ignore[typeddict-unknown-key]
                    }
                },
                "ListObjectsV2",
            ),
            "An error occurred (NoSuchBucket) when calling the ListObjectsV2 operation: "
            "The specified bucket does not exist (bucket vidoes)",
        ),
        (
            EndpointConnectionError(endpoint_url="http://s3"),
            'Could not connect to the endpoint URL: "http://s3"',
        ),
    ],
    ids=[
        "bug",
        "bug with a file",
        "input",
        "connection",
        "disk",
        "limit",
        "forbidden",
        "expired",
        "no bucket",
        "S3",
    ],
)
def test_a_fault_has_a_line_and_a_bug_has_none(raised: Exception, line: str | None) -> None:
    assert expected_line(raised) == line

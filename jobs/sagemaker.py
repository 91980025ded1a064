"""Train, serve or score an archive on Amazon SageMaker with this project's image.

python -m jobs.sagemaker train --image I --role R --dataset s3://b/ds --out s3://b/runs [--dry-run]
python -m jobs.sagemaker deploy --image I --role R --package s3://b/model.tar.gz [--dry-run]
python -m jobs.sagemaker transform --image I --role R --package P --videos s3://b/v --out s3://b/s

--dry-run checks the requests against botocore's service model, prints them as JSON and does not
send them; it needs no credentials. AWS_ENDPOINT_URL sets the address of another AWS endpoint.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import tyro

from emotion import storage
from emotion.errors import InputError
from jobs.aws.requests import (
    Call,
    Deploy,
    Train,
    Transform,
    deploy_calls,
    manifest_parts,
    train_calls,
    transform_calls,
)
from jobs.common.command import one_line_errors, parse

Verb = (
    Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Deploy, tyro.conf.subcommand("deploy")]
    | Annotated[Transform, tyro.conf.subcommand("transform")]
)


def write_manifest(config: Transform) -> None:
    """List the videos and write the manifest parts that the transform job reads.

    Raises:
        InputError: if there is no video.
    """
    from jobs.ledger.recognise import NO_VIDEO, only_videos

    videos = storage.absolute(config.videos)
    files = list(only_videos(storage.list_files(videos)))
    if not files:
        raise InputError(f"{videos} {NO_VIDEO}; check --videos")
    uris = [file.uri for file in files]
    for name, text in manifest_parts(uris, videos, count=config.instance_count):
        storage.write_bytes(storage.join(config.manifest_uri, name), text.encode())


def calls_for(config: Train | Deploy | Transform) -> list[Call]:
    """Return the requests in the order in which they are sent."""
    if isinstance(config, Train):
        return train_calls(config)
    if isinstance(config, Deploy):
        return deploy_calls(config)
    return transform_calls(config)


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Print or send the requests and return 0; with --wait, return after the job has ended."""
    verb: Any = Verb  # Any, because the type of parse does not accept a union
    config: Train | Deploy | Transform = parse(verb, argv, verb="jobs.sagemaker", doc=__doc__)
    from jobs.aws.send import check_calls, send, wait  # imports boto3: not for --help

    calls = calls_for(config)
    check_calls(calls)
    if config.dry_run:
        requests = [{"operation": call.operation, "request": call.params} for call in calls]
        print(json.dumps(requests, indent=1))
        return 0
    if isinstance(config, Transform):
        write_manifest(config)
    send(calls)
    print(f"{config.name}: sent {', '.join(call.operation for call in calls)}", file=sys.stderr)
    if config.wait:
        wait(calls[-1])
        print(f"{config.name}: done", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

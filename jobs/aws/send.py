"""Check SageMaker requests against botocore's service model, send them, and wait for the end."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

import boto3
import botocore.exceptions
import botocore.session
from botocore import xform_name
from botocore.model import ListShape, MapShape, Shape, StructureShape
from botocore.validate import ParamValidator

from emotion.errors import InputError
from jobs.aws.requests import Call

WAITERS = {
    "CreateTrainingJob": ("training_job_completed_or_stopped", "TrainingJobName"),
    "CreateEndpoint": ("endpoint_in_service", "EndpointName"),
    "CreateTransformJob": ("transform_job_completed_or_stopped", "TransformJobName"),
}
"""Name of boto3's waiter and of the parameter with the job's or endpoint's name, by operation."""


def check_calls(calls: Sequence[Call]) -> None:
    """Check names, types, ranges and patterns of the parameters, without a network connection.

    Raises:
        InputError: if a request is wrong; the message lists every error of the first wrong one.
    """
    service = botocore.session.get_session().get_service_model("sagemaker")
    for call in calls:
        shape = service.operation_model(call.operation).input_shape or StructureShape("", {})
        report = ParamValidator().validate(call.params, shape)
        errors = [report.generate_report()] if report.has_errors() else []
        errors += _pattern_errors(shape, call.params, where=call.operation)
        if errors:
            raise InputError(f"{call.operation}: {'; '.join(errors)}")


def _pattern_errors(shape: Shape, value: Any, *, where: str) -> Iterator[str]:
    """Yield one error per text that does not match its pattern, which botocore does not check."""
    if isinstance(shape, StructureShape):
        for name, part in value.items():
            if name in shape.members:
                yield from _pattern_errors(shape.members[name], part, where=f"{where}.{name}")
    elif isinstance(shape, ListShape):
        for part in value:
            yield from _pattern_errors(shape.member, part, where=where)
    elif isinstance(shape, MapShape):
        for part in value.values():
            yield from _pattern_errors(shape.value, part, where=where)
    elif isinstance(value, str):
        pattern = shape.metadata.get("pattern")
        if pattern and not re.fullmatch(pattern, value):
            yield f"{where} must match {pattern}, got {value!r}"


def _client() -> Any:
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    try:
        return boto3.client("sagemaker", region_name=region)
    except botocore.exceptions.NoRegionError as err:
        raise InputError("no AWS region: set AWS_DEFAULT_REGION") from err


def send(calls: Sequence[Call]) -> None:
    """Send the requests in order.

    Raises:
        InputError: if the service refuses a request; later requests are not sent.
    """
    client = _client()
    for call in calls:
        try:
            getattr(client, xform_name(call.operation))(**call.params)
        except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as err:
            raise InputError(f"{call.operation} {_name(call)}: {err}") from err


def wait(call: Call) -> None:
    """Wait until the job that ``call`` created has ended, or its endpoint is in service.

    Raises:
        InputError: if the job or endpoint failed or the job was stopped; a failure has the
            service's reason in the message.
    """
    client = _client()
    waiter, key = WAITERS[call.operation]
    name = {key: call.params[key]}
    describe = getattr(client, xform_name(call.operation.replace("Create", "Describe")))
    try:
        client.get_waiter(waiter).wait(**name)
    except botocore.exceptions.WaiterError as err:
        reason = describe(**name).get("FailureReason", err)
        raise InputError(f"{call.params[key]} failed: {reason}") from err
    status = next(value for k, value in describe(**name).items() if k.endswith("Status"))
    if status == "Stopped":
        raise InputError(f"{call.params[key]} was stopped before its end")


def _name(call: Call) -> str:
    return next(str(value) for key, value in call.params.items() if key.endswith("Name"))

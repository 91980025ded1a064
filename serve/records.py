"""Batch records: one JSON line names one video; one JSON line answers it, whatever happened.

A record that fails must not fail its request: SageMaker's batch transform throws away the answers
of every neighbour in the file.
"""

from __future__ import annotations

import itertools

import numpy as np
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from emotion import storage
from emotion.predict.answer import by_label, top
from emotion.predict.mixture import pool_clips
from schemas.api import ErrorDetail, RecordAnswer, RecordRequest, VideoAnswer
from serve.errors import RequestError
from serve.scoring import Worker
from serve.sources import fetched_async


def parse_record(line: bytes) -> RecordRequest:
    """One JSON line.

    Raises:
        RequestError: if it is not a record, or its window is empty.
    """
    try:
        record = RecordRequest.model_validate_json(line)
    except ValidationError as err:
        first = err.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "record"
        raise RequestError(400, "bad_record", f"{where}: {first['msg']}") from err
    if record.end_s is not None and record.end_s <= (record.start_s or 0.0):
        raise RequestError(400, "bad_record", f"end_s {record.end_s} is not after start_s")
    return record


def in_window(answer: VideoAnswer, *, start_s: float | None, end_s: float | None) -> VideoAnswer:
    """Clips and segments that start in [start_s, end_s); the label pooled over these clips alone.

    Consecutive windows share no clip and lose none. ``duration_s``, ``coverage`` and
    ``num_tracks`` stay those of the whole video.
    """
    if start_s is None and end_s is None:
        return answer
    low, high = start_s or 0.0, float("inf") if end_s is None else end_s
    clips = tuple(clip for clip in answer.clips if low <= clip.start_s < high)
    segments = tuple(run for run in answer.segments if low <= run.start_s < high)
    answer = answer.model_copy(update={"clips": clips, "segments": segments})
    if not clips:
        reason = answer.reason or "no_face"
        empty: dict[str, object] = {"label": None, "confidence": None, "probs": {}}
        return answer.model_copy(update=empty | {"reason": reason})
    labels = tuple(clips[0].probs)
    vectors = np.array([list(clip.probs.values()) for clip in clips], np.float32)
    pooled = pool_clips(vectors, [clip.num_faces for clip in clips])
    label, confidence = top(pooled, labels)
    found = {"label": label, "confidence": confidence, "probs": by_label(pooled, labels)}
    return answer.model_copy(update=found)


def split_lines(body: bytes) -> list[bytes]:
    r"""The lines that hold something.

    >>> split_lines(b'{"a": 1}\r\n\n{"b": 2}')
    [b'{"a": 1}', b'{"b": 2}']
    """
    return [line for line in map(bytes.strip, body.splitlines()) if line]


def failed(record_id: str | None, error: ErrorDetail) -> RecordAnswer:
    """The answer to a record that could not be scored."""
    return RecordAnswer(record_id=record_id, status="error", error=error)


async def answer_record(
    line: bytes, worker: Worker, *, prefixes: tuple[str, ...], output: str | None
) -> RecordAnswer:
    """Score the video that one line names.

    Args:
        line: JSON of a ``RecordRequest``.
        worker: what scores it.
        prefixes: addresses that a record may name.
        output: where the whole prediction goes as RECORD_ID.json, a name that a second try writes
            again; None sends it in the answer. With it the answer has no clips and segments.
    """
    record_id: str | None = None
    try:
        record = parse_record(line)
        record_id = record.record_id
        limit = worker.limits.max_bytes
        async with fetched_async(record.video_uri, prefixes, max_bytes=limit) as path:
            whole = await worker.answer(path, uri=record.video_uri)
    except RequestError as err:
        return failed(record_id, err.error)
    answer = in_window(whole, start_s=record.start_s, end_s=record.end_s)
    if output is None:
        return RecordAnswer(record_id=record_id, status="ok", prediction=answer)
    uri = storage.join(output, f"{record_id}.json")
    await run_in_threadpool(storage.write_json, uri, answer.model_dump(mode="json"))
    summary = answer.model_copy(update={"clips": (), "segments": ()})
    return RecordAnswer(record_id=record_id, status="ok", prediction=summary, output_uri=uri)


def json_lines(answers: list[RecordAnswer]) -> bytes:
    """One line per answer, each ended."""
    lines = itertools.chain.from_iterable((a.model_dump_json().encode(), b"\n") for a in answers)
    return b"".join(lines)

"""Records of a batch: each JSON line names a video and gets one JSON line as its answer.

The answer to a record that fails is a line with an error. The request itself does not fail, because
SageMaker's batch transform drops all answers of a failed request.
"""

from __future__ import annotations

import itertools

from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from emotion import storage
from emotion.pooling import pool_clips
from emotion.predict.answer import by_label
from emotion.predict.mixture import is_uncertain, mixture
from schemas.api import ErrorDetail, RecordAnswer, RecordRequest, VideoAnswer
from serve.errors import RequestError
from serve.scoring import Worker
from serve.sources import fetched_async


def parse_record(line: bytes) -> RecordRequest:
    """Return the record of one JSON line.

    Raises:
        RequestError: 400 if the line is not a record, or its window [start_s, end_s) is empty.
    """
    try:
        record = RecordRequest.model_validate_json(line)
    except ValidationError as err:
        first = err.errors(include_url=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "record"
        raise RequestError(400, "bad_record", f"{field}: {first['msg']}") from err
    if record.end_s is not None and record.end_s <= (record.start_s or 0.0):
        raise RequestError(400, "bad_record", f"end_s {record.end_s} must be after start_s")
    return record


def in_window(answer: VideoAnswer, *, start_s: float | None, end_s: float | None) -> VideoAnswer:
    """Keep the clips and segments that start in [start_s, end_s), and pool these clips again.

    Adjacent windows together contain every clip exactly once. ``duration_s``, ``coverage``,
    ``num_tracks`` and ``people`` stay those of the whole video. Without a clip in the window the
    label is None, and ``reason`` is that of the video or, if it has none, ``no_face``.

    Args:
        answer: answer for the whole video.
        start_s: start of the window in seconds; None: 0.
        end_s: end of the window in seconds; None: the end of the video.
    """
    if start_s is None and end_s is None:
        return answer
    low, high = start_s or 0.0, float("inf") if end_s is None else end_s
    clips = tuple(clip for clip in answer.clips if low <= clip.start_s < high)
    segments = tuple(run for run in answer.segments if low <= run.start_s < high)
    answer = answer.model_copy(update={"clips": clips, "segments": segments})
    if not clips:
        reason = answer.reason or "no_face"
        empty: dict[str, object] = dict.fromkeys(("label", "confidence", "is_uncertain"))
        empty["probs"] = {}
        return answer.model_copy(update=empty | {"reason": reason})
    labels = tuple(clips[0].probs)
    vectors = [list(clip.probs.values()) for clip in clips]
    pooled = pool_clips(vectors, [clip.num_faces for clip in clips])
    mixed = mixture(pooled, labels)
    update = {
        "label": mixed.label,
        "confidence": mixed.confidence,
        "probs": by_label(pooled, labels),
        "is_uncertain": is_uncertain(mixed.margin, least=answer.trust.margin),
    }
    return answer.model_copy(update=update)


def split_lines(body: bytes) -> list[bytes]:
    r"""Return the lines that are not blank, without white space at both ends.

    >>> split_lines(b'{"a": 1}\r\n\n{"b": 2}')
    [b'{"a": 1}', b'{"b": 2}']
    """
    return [line for line in map(bytes.strip, body.splitlines()) if line]


def failed(record_id: str | None, error: ErrorDetail) -> RecordAnswer:
    """Return the answer to a record that could not be scored."""
    return RecordAnswer(record_id=record_id, status="error", error=error)


async def answer_record(
    line: bytes, worker: Worker, *, prefixes: tuple[str, ...], output: str | None
) -> RecordAnswer:
    """Score the video that one line names; an error becomes an answer with status "error".

    Args:
        line: JSON of a ``RecordRequest``.
        worker: worker that scores the video.
        prefixes: prefixes below which a record may name videos.
        output: folder to which the whole prediction is written as RECORD_ID.json (a retry
            overwrites the file); the answer then has no clips and no segments. None: the answer
            holds the whole prediction.
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
    """Return one JSON line per answer; each line ends with a line feed."""
    lines = itertools.chain.from_iterable((a.model_dump_json().encode(), b"\n") for a in answers)
    return b"".join(lines)

"""Requests and answers of the HTTP endpoint and of the SageMaker container.

``VideoAnswer`` has the fields of a scored video and its clips. Probabilities are in the label order
of the package. The answer to a request that failed is an ``ErrorAnswer``.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Message(BaseModel):
    """Base of every message; messages are frozen and unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class ClipAnswer(_Message):
    """One clip of one face track."""

    clip_id: str
    track_id: int
    identity_id: int = Field(description="groups the tracks of one person in the video")
    start_s: float
    stop_s: float = Field(description="half-open; seconds from the first frame")
    box: tuple[float, float, float, float] = Field(description="xyxy pixels of the upright frame")
    num_faces: int
    quality: float
    label: str
    confidence: float
    probs: dict[str, float]
    is_uncertain: bool = Field(default=False, description="margin below that of the model")


class SegmentAnswer(_Message):
    """One segment: a run of one label in one face track."""

    track_id: int
    identity_id: int
    start_s: float
    stop_s: float = Field(description="half-open; seconds from the first frame")
    label: str
    confidence: float = Field(description="mean probability of the label in the run")
    second_label: str | None
    margin: float = Field(description="confidence minus the second label's mean probability")
    is_uncertain: bool = Field(default=False, description="margin below that of the model")


class PersonAnswer(_Message):
    """Evidence about one person of the video; a usable face is large, frontal and sharp enough."""

    identity_id: int
    face_s: float = Field(description="seconds with a face of the person")
    face_share: float = Field(description="share of the video's time with a face of the person")
    usable_share: float = Field(description="share of the video's time with a usable face")
    small_share: float = Field(description="share of the person's faces that are too small")
    turned_share: float = Field(description="share of the person's faces that are turned away")
    blurred_share: float = Field(description="share of the person's faces that are blurred")
    median_size_px: float
    median_yaw_deg: float
    median_blur: float
    baseline_s: float | None = None
    baseline_reason: str | None = None


class TrustAnswer(_Message):
    """Facts of the model: faces that it was trained on, and how often it finds each label."""

    domain: str = Field(default="unknown", description="kind of faces it was trained on")
    margin: float = Field(default=0.0, description="margin below which an answer is uncertain")
    warning: str | None = Field(default=None, description="sentence for people; null: no warning")
    measured_on: str | None = Field(default=None, description="set on which recall was measured")
    recall: dict[str, float] = Field(default={}, description="share of a label's cases it finds")


class VideoAnswer(_Message):
    """One scored video; if it has no clip, ``label`` is null and ``reason`` gives the reason."""

    uri: str
    duration_s: float
    label: str | None
    confidence: float | None
    probs: dict[str, float]
    coverage: float = Field(description="share of sampled frames with a tracked face, 0 to 1")
    reason: str | None
    num_tracks: int
    clips: tuple[ClipAnswer, ...]
    segments: tuple[SegmentAnswer, ...] = ()
    model_id: str
    is_uncertain: bool | None = Field(default=None, description="null if there is no label")
    people: tuple[PersonAnswer, ...] = ()
    trust: TrustAnswer = TrustAnswer()
    first_frame_s: float = Field(
        default=0.0,
        description="time of the first frame on a player's clock; other times count from it",
    )


class UriRequest(_Message):
    """Request to score a stored video; its address must be below an allowed prefix."""

    uri: str = Field(min_length=1, max_length=2048)


class ErrorDetail(_Message):
    """An error: ``reason`` is a fixed word for programs, ``detail`` a sentence for people."""

    reason: str
    detail: str


class ErrorAnswer(_Message):
    """Body of every 4xx and 5xx answer."""

    error: ErrorDetail


class InfoAnswer(_Message):
    """Facts of the model, and limits on a video; ``max_mb`` is in MB of 1,000,000 bytes."""

    model_id: str
    name: str
    labels: tuple[str, ...]
    model: str = Field(description="one line about the model: name, domain, measured accuracy")
    max_mb: float
    max_duration_s: float
    trust: TrustAnswer


class RecordRequest(_Message):
    """One line of a batch: a stored video; only clips that start in [start_s, end_s) are returned.

    A null ``start_s`` is 0. A null ``end_s`` is the end of the video.
    """

    record_id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._=-]{0,199}$")
    video_uri: str = Field(min_length=1, max_length=2048)
    start_s: float | None = Field(default=None, ge=0)
    end_s: float | None = Field(default=None, gt=0)


class RecordAnswer(_Message):
    """Answer to one record; an error of one record does not affect other records."""

    record_id: str | None
    status: Literal["ok", "error"]
    prediction: VideoAnswer | None = None
    output_uri: str | None = Field(default=None, description="address of the whole prediction")
    error: ErrorDetail | None = None


class ExecutionParameters(_Message):
    """Limits on the requests of a SageMaker batch transform, in SageMaker's field names."""

    max_concurrent_transforms: int = Field(serialization_alias="MaxConcurrentTransforms")
    batch_strategy: Literal["SINGLE_RECORD", "MULTI_RECORD"] = Field(
        serialization_alias="BatchStrategy"
    )
    max_payload_mb: int = Field(serialization_alias="MaxPayloadInMB")

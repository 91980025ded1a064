"""Great Expectations suites of the five datasets, run on data frames without image bytes.

``validate_footers`` looks at the parts' columns, types and sizes; when it passes, the tables can
be read, and ``validate_tables`` looks at every row. Nothing leaves the machine: no analytics, no
stored context. Importing this module takes seconds; only jobs do.
"""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from schemas import derived
from schemas.validation import Result, ValidationReport

os.environ["GX_ANALYTICS_ENABLED"] = "false"
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its optional cloud parts warn when they are not installed
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    gxe: Any = importlib.import_module("great_expectations.expectations")

SPLITS = ("train", "val", "test")
VIDEO_REASONS = ("no_face", "short_tracks")
VIDEO_COUNTS = ("num_frames", "num_faces", "num_tracks", "num_clips")
EXAMPLES = 5

Suite = list[Any]  # of gxe.Expectation, which is untyped
Check = tuple[str, pd.DataFrame, Suite]
MAX_DURATION_S = 7 * 24 * 3600


def validate_footers(footers: Sequence[derived.Footer], *, clip_len: int) -> ValidationReport:
    """Check that every part has the declared columns, and ``clip_len`` crops for each clip."""
    columns = derived.columns_frame(footers)
    crops = derived.crops_frame(footers, clip_len=clip_len)
    declared = "every part has the declared columns and types"
    full = f"every part holds {clip_len} crops for each clip"
    return run_checks(
        [
            ("columns", columns, [_no_note("problem", declared)]),
            ("clips", crops, [_no_note("wrong_crops", full)]),
        ]
    )


def validate_tables(
    tables: Mapping[str, pa.Table],
    *,
    labels: Sequence[str],
    clip_len: int,
    reject_reasons: Sequence[str],
) -> ValidationReport:
    """Check every row of a dataset whose parts have passed ``validate_footers``.

    Args:
        tables: the five tables by name, with at least the columns ``derived.STORED``.
        labels: the declared label set.
        clip_len: crops per clip (T).
        reject_reasons: the closed list of reasons in ``rejects``.
    """
    return run_checks(
        checks(tables, labels=labels, clip_len=clip_len, reject_reasons=reject_reasons)
    )


def checks(
    tables: Mapping[str, pa.Table],
    *,
    labels: Sequence[str],
    clip_len: int,
    reject_reasons: Sequence[str],
) -> list[Check]:
    """What ``validate_tables`` runs: name, frame and suite of each table and derivation."""
    videos, clips = tables["videos"], derived.clips_frame(tables, clip_len=clip_len)
    rejects = tables["rejects"].to_pandas()
    one_split = "every subject is in one split only"
    one_content = "the same bytes (content_sha256) are in one split only"
    subjects = derived.groups_frame(videos, "subject_id")
    contents = derived.groups_frame(videos, "content_sha256")
    return [
        ("videos", derived.videos_frame(tables), videos_suite(labels)),
        ("frames", derived.frames_frame(tables), frames_suite()),
        ("faces", derived.faces_frame(tables), faces_suite()),
        ("clips", clips, clips_suite(labels, clip_len)),
        ("rejects", rejects, rejects_suite(reject_reasons)),
        ("subjects", subjects, [_no_note("several_splits", one_split)]),
        ("contents", contents, [_no_note("several_splits", one_content)]),
    ]


def videos_suite(labels: Sequence[str]) -> Suite:
    """Expectations on ``derived.videos_frame``."""
    sha256 = "content_sha256 is 64 hex digits"
    regex = "^[0-9a-f]{64}$"
    return [
        _some_rows("there is at least one video"),
        *_present("video_id", "uri", "content_sha256", "subject_id", "label", "split"),
        *_present("size_bytes", "duration_s", "fps", "width", "height", *VIDEO_COUNTS),
        *_unique("video_id", "uri"),
        gxe.ExpectColumnValuesToMatchRegex(
            column="content_sha256", regex=regex, description=sha256
        ),
        _one_of("label", labels),
        _one_of("split", SPLITS),
        _one_of("reason", VIDEO_REASONS),
        _between("size_bytes", 1, None),
        _between("duration_s", 0, MAX_DURATION_S, above=True),
        _between("fps", 0, 1000, above=True),
        _between("width", 1, None),
        _between("height", 1, None),
        *[_between(name, 0, None) for name in VIDEO_COUNTS],
        _no_note("wrong_num_clips", "num_clips is the number of the video's rows in clips"),
        _no_note("wrong_num_frames", "num_frames is the number of the video's rows in frames"),
        _no_note("wrong_num_faces", "num_faces is the number of the video's rows in faces"),
        _no_note("wrong_reason", "a video has either clips or a reason for having none"),
    ]


def frames_suite() -> Suite:
    """Expectations on ``derived.frames_frame``."""
    keys = ["video_id", "frame_index"]
    once = "a frame_index is there once in a video"
    return [
        *_present("video_id", "frame_index", "pts_s", "n_faces", "brightness", "blur"),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=keys, description=once),
        _between("frame_index", 0, None),
        _between("pts_s", 0, None),
        _between("n_faces", 0, None),
        _between("brightness", 0, 255),
        _between("blur", 0, None),
        _no_note("time_back", "pts_s grows strictly along a video"),
        _no_note("unknown_video", "every frame's video is in videos"),
    ]


def faces_suite() -> Suite:
    """Expectations on ``derived.faces_frame``."""
    return [
        *_present("face_id", "video_id", "frame_index", "pts_s", "score", "size_px", "blur"),
        *_present("brightness"),
        *_unique("face_id"),
        _between("pts_s", 0, None),
        _between("score", -10, 10),  # dlib's HOG has no upper bound; the spec allows -10 to 10
        _between("yaw_deg", -180, 180),
        _between("roll_deg", -180, 180),
        _between("brightness", 0, 255),
        _between("blur", 0, None),
        _between("size_px", 0, None, above=True),
        _between("num_landmark_values", 10, 10),
        _no_note("box_outside", f"box is inside the frame, give or take {_TOLERANCE}"),
        _no_note("time_back", "pts_s grows strictly along a track"),
        _no_note("unknown_video", "every face's video is in videos"),
        _no_note("unknown_frame", "every face's frame is in frames"),
    ]


def clips_suite(labels: Sequence[str], clip_len: int) -> Suite:
    """Expectations on ``derived.clips_frame``."""
    later = gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="stop_s", column_B="start_s", description="start_s is before stop_s"
    )
    return [
        *_present("clip_id", "video_id", "track_id", "subject_id", "label", "split"),
        *_present("start_s", "stop_s", "num_faces", "quality"),
        *_unique("clip_id"),
        _one_of("label", labels),
        _one_of("split", SPLITS),
        _between("start_s", 0, None),
        later,
        _between("num_pts", clip_len, clip_len),
        _between("num_faces", 1, clip_len),
        _between("quality", 0, 1),
        _no_note("time_back", "the crops' pts_s never run backwards"),
        _no_note("box_outside", f"box is inside the frame, give or take {_TOLERANCE}"),
        _no_note("unknown_video", "every clip's video is in videos"),
        _no_note("unknown_track", "every clip's track is in faces"),
        *[
            _no_note(f"other_{name}", f"a clip's {name} is its video's")
            for name in ("subject_id", "label", "split", "fold")
        ],
    ]


def rejects_suite(reasons: Sequence[str]) -> Suite:
    """Expectations on ``rejects``, which may be empty."""
    return [*_present("uri", "stage", "reason"), _one_of("reason", reasons)]


_TOLERANCE = f"{derived.BOX_TOLERANCE_PX:g} px"


def _some_rows(text: str) -> Any:
    return gxe.ExpectTableRowCountToBeBetween(min_value=1, description=text)


def _present(*columns: str) -> Suite:
    words = "{} is never null"
    return [
        gxe.ExpectColumnValuesToNotBeNull(column=c, description=words.format(c)) for c in columns
    ]


def _unique(*columns: str) -> Suite:
    words = "{} is there once"
    return [
        gxe.ExpectColumnValuesToBeUnique(column=c, description=words.format(c)) for c in columns
    ]


def _one_of(column: str, values: Sequence[str]) -> Any:
    text = f"{column} is one of {', '.join(values)}"
    return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=list(values), description=text)


def _between(column: str, low: float, high: float | None, *, above: bool = False) -> Any:
    """From ``low`` to ``high``, both allowed; ``above`` shuts ``low`` out. Nulls pass."""
    text = f"{column} is {'above' if above else 'at least'} {low:g}"
    if high is not None:
        text = f"{column} is {low:g}" if low == high else f"{text} and at most {high:g}"
    return gxe.ExpectColumnValuesToBeBetween(
        column=column, min_value=low, max_value=high, strict_min=above, description=text
    )


def _no_note(column: str, text: str) -> Any:
    return gxe.ExpectColumnValuesToBeNull(column=column, description=text)


def run_checks(found: Iterable[Check]) -> ValidationReport:
    """Validate each frame with its suite; results in the suites' own order."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_pandas("tables")
    results: list[Result] = []
    for number, (name, frame, suite) in enumerate(found):
        asset = source.add_dataframe_asset(f"{number}-{name}")
        definition = asset.add_batch_definition_whole_dataframe("all")
        batch = definition.get_batch({"dataframe": frame})
        outcome = batch.validate(
            gx.ExpectationSuite(name=name, expectations=suite),
            result_format={"result_format": "SUMMARY", "partial_unexpected_count": EXAMPLES},
        )
        ended = [_result(name, one) for one in outcome.results]
        order = [expectation.description for expectation in suite]
        results += sorted(ended, key=lambda result: order.index(result.expectation))
    return ValidationReport(tuple(results))


def _result(dataset: str, outcome: Any) -> Result:
    text, values = str(outcome.expectation_config.description), outcome.result
    if "unexpected_count" in values:
        count, examples = values["unexpected_count"], values["partial_unexpected_list"]
    elif "observed_value" in values:
        count, examples = int(not outcome.success), [values["observed_value"]]
    else:
        raise RuntimeError(f"{dataset}: {text!r} could not be checked: {outcome.exception_info}")
    shown = () if outcome.success else tuple(dict.fromkeys(_plain(e) for e in examples))
    return Result(dataset, text, bool(outcome.success), int(count), shown)


def _plain(value: object) -> str:
    """A value as a person writes it: no NumPy type names."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(one)}" for key, one in value.items())
    if isinstance(value, tuple | list):
        return " and ".join(_plain(one) for one in value)
    return str(value)

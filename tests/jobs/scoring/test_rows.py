"""Rows between the stages of scoring: their schema, and when a shard is complete."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from jobs.scoring.commit import PendingShard
from jobs.scoring.rows import (
    READ_ROWS,
    SCORED_ROWS,
    clip_rows,
    clips_table,
    end_row,
    fault_row,
)


def clip(number: int, video_id: str = "v") -> dict[str, Any]:
    """Return a clip as the extractor makes it, with a column that is not scored."""
    return {
        "clip_id": f"{video_id}/{number}",
        "video_id": video_id,
        "uri": f"{video_id}.mp4",
        "track_id": 0,
        "identity_id": 0,
        "start_s": 0.0,
        "stop_s": 2.0,
        "box": (1.0, 2.0, 3.0, 4.0),
        "num_faces": 2,
        "quality": 0.5,
        "pts_s": (0.0, 1.0),
        "crops": (b"first", b"second"),
        "subject_id": "s",
    }


def end(num_clips: int) -> pa.Table:
    video = {
        "video_id": "v",
        "uri": "v.mp4",
        "content_sha256": "0",
        "duration_s": 2.0,
        "first_frame_s": 0.0,
        "num_frames": 16,
        "num_faceless_frames": 12,
        "num_faces": 4,
        "num_clips": num_clips,
        "num_tracks": 1,
        "num_identities": 1,
        "coverage": 0.25,
        "reason": None,
        "wall_s": 0.1,
    }
    return end_row("0", videos=[video], rejects=[], num_faces=4)


def clips(*rows: dict[str, Any]) -> pa.Table:
    return clip_rows("0", clips_table(rows))


def scored(table: pa.Table) -> pa.Table:
    """Return rows of the readers as a model with two labels would return them."""
    is_clip = [kind == "clip" for kind in table["kind"].to_pylist()]
    answers = [[0.25, 0.75] if one else None for one in is_clip]
    columns = [*table.drop_columns(["crops"]).columns, pa.array(answers, pa.list_(pa.float32()))]
    columns += [columns[-1], pa.array([0.0] * len(is_clip))]
    return pa.table(columns, schema=SCORED_ROWS)


def test_every_kind_of_row_has_one_schema() -> None:
    tables = [clips(clip(0), clip(1)), end(2), fault_row("0", "[Errno 5] disk")]
    assert [table.schema for table in tables] == [READ_ROWS] * 3
    rows = pa.concat_tables(tables).to_pylist()
    assert [row["kind"] for row in rows] == ["clip", "clip", "end", "fault"]
    assert [row["crops"] for row in rows] == [[b"first", b"second"]] * 2 + [None] * 2
    assert rows[1]["clip_id"] == "v/1"
    assert rows[2]["end"]["num_faces"] == 4
    assert rows[2]["end"]["videos"][0]["wall_s"] == 0.1
    assert (rows[2]["clip_id"], rows[2]["fault"]) == (None, None)
    assert rows[3]["fault"] == "[Errno 5] disk"


def test_no_clips_give_an_empty_table() -> None:
    table = clips()
    assert (table.schema, table.num_rows) == (READ_ROWS, 0)


def test_a_clip_without_a_column_is_a_bug() -> None:
    with pytest.raises(KeyError, match="quality"):
        clips_table([{name: value for name, value in clip(0).items() if name != "quality"}])


@pytest.mark.parametrize("end_first", [False, True])
def test_a_shard_is_complete_with_its_end_and_the_clips_of_its_videos(end_first: bool) -> None:
    shard = PendingShard()
    parts = [scored(clips(clip(1))), scored(clips(clip(0))), scored(end(2))]
    if end_first:
        parts.reverse()
    assert [shard.add(part) for part in parts] == [False, False, True]
    (rows,) = shard.clips_by_video().values()
    assert [row["clip_id"] for row in rows] == ["v/0", "v/1"]
    assert rows[0]["probs"] == [0.25, 0.75]


def test_a_clip_that_comes_twice_counts_once() -> None:
    shard = PendingShard()
    assert not shard.add(scored(clips(clip(0), clip(0))))
    assert not shard.add(scored(end(2)))
    assert shard.add(scored(clips(clip(1))))
    assert [len(rows) for rows in shard.clips_by_video().values()] == [2]


def test_clips_of_a_rejected_video_do_not_complete_a_shard() -> None:
    shard = PendingShard()
    assert not shard.add(scored(clips(clip(0, "rejected"))))
    assert not shard.add(scored(end(1)))
    assert shard.add(scored(clips(clip(0))))


def test_a_shard_without_a_clip_is_complete_with_its_end() -> None:
    shard = PendingShard()
    assert shard.add(scored(end(0)))
    assert shard.clips_by_video() == {}

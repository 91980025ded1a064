"""Rules across a whole dataset, in SQL (DuckDB).

The queries read these views: the six tables and ``plan``, each with a column ``part`` (file name of
the row's part), and ``labels``, the declared labels.
"""

from __future__ import annotations

from dataclasses import dataclass

from emotion.validate.rules import Severity

MIN_EVEN_SHARE = 0.2
"""A label with fewer training clips than this share of its even share gives a warning.

With 1000 training clips and 5 labels, the even share is 200 clips and the bound is 40 clips.
"""
MAX_REJECT_SHARE = 0.5
"""Default of the largest share of the labelled videos that may be left out."""


@dataclass(frozen=True)
class Query:
    """A rule in SQL.

    Attributes:
        dataset: name of a table, or of a group of rules such as plan, subjects or labels.
        text: the rule as a sentence.
        elements: SQL that returns the number of checked rows, videos, subjects or labels.
        broken: SQL that returns a text ``note`` for each element that breaks the rule.
        severity: error or warning.
    """

    dataset: str
    text: str
    elements: str
    broken: str
    severity: Severity = "error"


def all_queries(*, max_reject_share: float) -> tuple[Query, ...]:
    """Return every rule across the whole dataset.

    Args:
        max_reject_share: largest share of the labelled videos that may be left out, 0 to 1.
    """
    return (
        *_video_queries(),
        *[_same_part(table) for table in ("frames", "faces", "tracks", "clips")],
        *_plan_queries(),
        _one_split("subjects", "subject_id", "every subject is in one split only"),
        _one_split("contents", "content_sha256", "the same bytes are in one split only"),
        *_label_queries(),
        _reject_share(max_reject_share),
    )


def _video_queries() -> list[Query]:
    count = "SELECT count(*) FROM videos"
    none = f"SELECT 'videos has no row' AS note WHERE ({count}) = 0"
    queries = [Query("videos", "there is at least one video", count, none)]
    for column in ("video_id", "uri"):
        twice = f"""
            SELECT {column} || ' is there ' || count(*) || ' times' AS note FROM videos
            WHERE {column} IS NOT NULL GROUP BY {column} HAVING count(*) > 1"""
        queries.append(Query("videos", f"{column} is there once", count, twice))
    return queries


def _same_part(table: str) -> Query:
    apart = f"""
        SELECT t.video_id || ' is in {table}/' || t.part AS note
        FROM (SELECT DISTINCT video_id, part FROM {table}) t
        WHERE EXISTS (FROM videos v WHERE v.video_id = t.video_id)
        AND NOT EXISTS (FROM videos v WHERE v.video_id = t.video_id AND v.part = t.part)"""
    count = f"SELECT count(DISTINCT video_id) FROM {table}"
    return Query(table, f"a video's rows in {table} are in the part of its shard", count, apart)


def _plan_queries() -> list[Query]:
    lost = """
        SELECT uri || ' is in neither' AS note FROM plan p
        WHERE NOT EXISTS (FROM videos v WHERE v.video_id = p.video_id)
        AND NOT EXISTS (FROM rejects r WHERE r.video_id = p.video_id)"""
    strange = """
        SELECT uri || ' is in no plan' AS note FROM videos v
        WHERE (SELECT count(*) FROM plan) > 0
        AND NOT EXISTS (FROM plan p WHERE p.video_id = v.video_id)"""
    both = """
        SELECT uri || ' is complete, and in rejects' AS note FROM videos v
        WHERE complete AND EXISTS (FROM rejects r WHERE r.video_id = v.video_id)"""
    silent = """
        SELECT uri || ' is not complete, and not in rejects' AS note FROM videos v
        WHERE NOT complete AND NOT EXISTS (FROM rejects r WHERE r.video_id = v.video_id)"""
    planned, videos = "SELECT count(*) FROM plan", "SELECT count(*) FROM videos"
    return [
        Query("plan", "every planned video is in videos or in rejects", planned, lost),
        Query("plan", "every video was planned", videos, strange),
        Query("plan", "a complete video is not in rejects", videos, both),
        Query("plan", "a video that is not complete is in rejects", videos, silent),
    ]


def _one_split(dataset: str, column: str, text: str) -> Query:
    several = f"""
        SELECT {column} || ' is in ' || string_agg(DISTINCT split, ' and ' ORDER BY split) AS note
        FROM videos WHERE {column} IS NOT NULL GROUP BY {column} HAVING count(DISTINCT split) > 1"""
    return Query(dataset, text, f"SELECT count(DISTINCT {column}) FROM videos", several)


def _label_queries() -> list[Query]:
    count = "SELECT count(*) FROM labels"
    absent = """
        SELECT label || ' has no clip in train' AS note FROM labels
        WHERE label NOT IN (SELECT label FROM clips WHERE split = 'train' AND label IS NOT NULL)"""
    empty = """
        SELECT s || ' has no video' AS note FROM (VALUES ('train'), ('val')) t(s)
        WHERE s NOT IN (SELECT split FROM videos)"""
    rare = f"""
        WITH counts AS (SELECT label, count(*) AS n FROM clips WHERE split = 'train' GROUP BY label)
        SELECT label || ' has ' || n || ' of ' || (SELECT sum(n) FROM counts) AS note FROM counts
        WHERE n < {MIN_EVEN_SHARE} * (SELECT sum(n) FROM counts) / ({count})"""
    share = f"no label has less than {MIN_EVEN_SHARE:.0%} of its even share of the clips in train"
    return [
        Query("labels", "every label has a clip in train", count, absent, "warning"),
        Query("labels", share, count, rare, "warning"),
        Query("labels", "train and val have videos", "SELECT 2", empty, "warning"),
    ]


def _reject_share(highest: float) -> Query:
    left_out = """
        SELECT count(DISTINCT uri) FROM rejects r
        WHERE NOT (stage = 'plan' AND reason = 'unlabelled')
        AND NOT EXISTS (FROM videos v WHERE v.video_id = r.video_id)"""
    total = f"SELECT ({left_out}) + (SELECT count(*) FROM videos)"
    many = f"""
        WITH share AS (SELECT ({left_out}) AS n, ({total}) AS total)
        SELECT n || ' of ' || total || ' videos are left out' AS note FROM share
        WHERE n > {highest} * total"""
    text = f"at most {highest:.0%} of the labelled videos are in rejects alone"
    return Query("rejects", text, total, many)

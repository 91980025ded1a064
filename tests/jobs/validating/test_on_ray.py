"""Validation by Ray's workers: the report of one process."""

from pathlib import Path

from jobs.validating.validate import validate
from tests.jobs.validating.test_groups import write_shards


def test_groups_on_ray_give_the_report_of_one_group(tmp_path: Path, local_ray: None) -> None:
    write_shards(str(tmp_path), number=3)
    one = validate(str(tmp_path))
    assert len(one.failed) == 3
    assert validate(str(tmp_path), group_mb=1e-6, runner="ray") == one

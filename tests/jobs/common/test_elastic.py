"""Pools of workers grow with the cluster: from no node at all to as many as the work needs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.autoscaling import autoscaling_cluster

pytestmark = pytest.mark.large


def test_a_job_that_starts_on_an_empty_cluster_grows_with_it(tmp_path: Path) -> None:
    with autoscaling_cluster(tmp_path, cpu=3, gpu=1) as address:
        run = subprocess.run(
            [sys.executable, "-m", "tests.helpers.elastic_job", address, "24"],
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
    assert run.returncode == 0, run.stderr
    facts = json.loads(run.stdout.splitlines()[-1])
    assert (facts["cpus"], facts["gpus"]) == (0, 0)
    assert sorted(row["number"] for row in facts["done"]) == list(range(24))
    assert len({row["node"] for row in facts["done"]}) >= 2
    assert facts["cpus_after"] >= 2
    # The GPU node never started, because no worker asked for one.
    assert facts["possible"] == {"CPU": 4, "GPU": 1}

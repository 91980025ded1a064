"""``ray_cluster.yaml`` and ``Dockerfile``, checked without AWS and without Docker."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest
import yaml

pytest.importorskip("ray")

from jsonschema import ValidationError  # type: ignore[import-untyped]
from ray.autoscaler._private.util import prepare_config, validate_config

from tests.helpers.paths import ROOT


@pytest.fixture
def cluster() -> dict[str, Any]:
    value: dict[str, Any] = yaml.safe_load((ROOT / "ray_cluster.yaml").read_text())
    return value


def test_ray_accepts_the_cluster(cluster: dict[str, Any]) -> None:
    prepared = prepare_config(cluster)
    validate_config(prepared)
    types = prepared["available_node_types"]
    assert prepared["head_node_type"] in types
    most = {name: node["max_workers"] for name, node in types.items() if name != "head"}
    assert most == {"cpu_worker": 32, "gpu_worker": 2}
    spot = types["cpu_worker"]["node_config"]["InstanceMarketOptions"]
    assert spot == {"MarketType": "spot"}
    assert (
        "InstanceMarketOptions" not in types["head"]["node_config"]
    )  # the head must not be a spot machine
    assert {name: node["min_workers"] for name, node in types.items() if name != "head"} == {
        "cpu_worker": 0,
        "gpu_worker": 0,
    }
    assert prepared["max_workers"] == sum(most.values())
    assert types["head"]["resources"] == {"CPU": 0}


def test_every_machine_has_a_profile_and_no_key(cluster: dict[str, Any]) -> None:
    """Check the profiles for S3, the registry and EC2; only the head may start machines."""
    profiles = {
        name: node["node_config"]["IamInstanceProfile"]["Name"]
        for name, node in cluster["available_node_types"].items()
    }
    workers = {"cpu_worker": "WORKER_PROFILE", "gpu_worker": "WORKER_PROFILE"}
    assert profiles == {"head": "HEAD_PROFILE"} | workers
    text = (ROOT / "ray_cluster.yaml").read_text()
    assert not re.search(r"AWS_(ACCESS_KEY|SECRET)|AKIA[0-9A-Z]{16}", text)
    head = text.partition("cluster_name:")[0]
    for action in ("s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"):
        assert action in head


def test_the_image_is_the_projects_and_is_not_changed_on_the_machines(
    cluster: dict[str, Any],
) -> None:
    assert re.fullmatch(
        r"ACCOUNT\.dkr\.ecr\.[\w-]+\.\S+/video-emotion:TAG", cluster["docker"]["image"]
    )
    assert cluster["provider"]["region"] in cluster["docker"]["image"]
    assert [cluster[f"{kind}setup_commands"] for kind in ("", "head_", "worker_")] == [[], [], []]
    # Ray copies files into the container, and the head reaches the workers, with these programs.
    image = (ROOT / "Dockerfile").read_text()
    assert {"openssh-client", "rsync"} <= set(image.split())


def test_workers_join_the_head_where_it_listens(cluster: dict[str, Any]) -> None:
    head, worker = (
        [line for line in cluster[f"{kind}_start_ray_commands"] if "ray start" in line]
        for kind in ("head", "worker")
    )
    assert head[0].startswith("RAY_enable_autoscaler_v2=1 ")  # see jobs.common.cluster.possible
    port = re.search(r"--port=(\d+)", head[0])
    assert port is not None
    assert f"--address=$RAY_HEAD_IP:{port[1]}" in worker[0]
    assert "--autoscaling-config=~/ray_bootstrap_config.yaml" in head[0]
    assert "--dashboard-host=127.0.0.1" in head[0]  # only `ray dashboard` reaches it


def test_ray_would_refuse_a_misspelt_cluster(cluster: dict[str, Any]) -> None:
    cluster["idle_timeout_minuets"] = 3
    with pytest.raises(ValidationError, match="idle_timeout_minuets"):
        validate_config(prepare_config(cluster))


def test_the_image_copies_what_is_there_and_links_what_is_installed() -> None:
    text = (ROOT / "Dockerfile").read_text()
    copied = [
        name
        for line in re.findall(r"^COPY (.+)$", text, re.MULTILINE)
        for name in line.split()[:-1]
    ]
    assert {"emotion", "jobs", "schemas", "serve"} <= set(copied)
    assert [name for name in copied if not (ROOT / name).exists()] == []
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    linked = re.findall(r"command -v ([\w-]+)", text)
    assert len(linked) == 2
    assert [name for name in linked if name not in scripts] == []

"""``ray_cluster.yaml`` and ``Dockerfile``: what can be checked without a cloud or an engine."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

pytest.importorskip("ray")

from jsonschema import ValidationError  # type: ignore[import-untyped]
from ray.autoscaler._private.util import prepare_config, validate_config

ROOT = Path(__file__).resolve().parents[1]


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
    profiles = {node["node_config"]["IamInstanceProfile"]["Name"] for node in types.values()}
    assert profiles == {"INSTANCE_PROFILE"}


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

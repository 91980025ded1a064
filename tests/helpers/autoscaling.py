"""A Ray cluster on this machine that starts with a head without CPUs, and adds nodes on demand.

Ray's own ``AutoscalingCluster`` needs a file that the wheel lacks, and stops every Ray of the
machine. So this starts the head itself, with Ray's fake nodes as an external provider.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

HEAD_ID = "f" * 51 + "00000"
"""Id that Ray's fake provider gives to the head."""
HEAD_TYPE = "ray.head.default"
"""Name that the fake provider gives to the head's kind of node."""
STORE_BYTES = 100 * 2**20
PROVIDER = "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider"
ENV = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}


@contextmanager
def autoscaling_cluster(folder: Path, **most_nodes: int) -> Iterator[str]:
    """Start a cluster; yield its address, and end all its processes after the block.

    Args:
        folder: folder for the configuration and the log.
        most_nodes: largest number of nodes of each kind: ``cpu`` (1 CPU), ``gpu`` (1 CPU, 1 GPU).
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = folder / "cluster.yaml"
    config.write_text(json.dumps(_config(f"127.0.0.1:{port}", most_nodes)))
    env = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")} | ENV | {
        "RAY_enable_autoscaler_v2": "1",
        "RAY_FAKE_CLUSTER": "1",
        "AUTOSCALER_UPDATE_INTERVAL_S": "1",
        "RAY_CLOUD_INSTANCE_ID": HEAD_ID,
        "RAY_OVERRIDE_NODE_ID_FOR_TESTING": HEAD_ID,
    }  # fmt: skip
    command = [
        str(Path(sys.executable).with_name("ray")), "start", "--head", "--block",
        f"--port={port}", "--num-cpus=0", f"--object-store-memory={STORE_BYTES}",
        "--include-dashboard=false", f"--autoscaling-config={config}",
    ]  # fmt: skip
    with (folder / "ray.log").open("w") as log:
        head = subprocess.Popen(command, env=env, stdout=log, stderr=log, process_group=0)
        try:
            yield f"127.0.0.1:{port}"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(head.pid, signal.SIGTERM)
                with suppress(subprocess.TimeoutExpired):
                    head.wait(20)
                os.killpg(head.pid, signal.SIGKILL)
            head.wait(20)


def _config(address: str, most_nodes: dict[str, int]) -> dict[str, object]:
    kinds = {"cpu": {"CPU": 1}, "gpu": {"CPU": 1, "GPU": 1}}
    nodes: dict[str, object] = {
        kind: {
            "resources": kinds[kind] | {"object_store_memory": STORE_BYTES},
            "node_config": {},
            "min_workers": 0,
            "max_workers": most,
        }
        for kind, most in most_nodes.items()
    }
    nodes[HEAD_TYPE] = {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0}
    empty = [
        "cluster_synced_files", "rsync_exclude", "rsync_filter", "initialization_commands",
        "setup_commands", "head_setup_commands", "worker_setup_commands",
        "head_start_ray_commands", "worker_start_ray_commands",
    ]  # fmt: skip
    return dict.fromkeys(empty, []) | {
        "cluster_name": "test",
        "max_workers": sum(most_nodes.values()),
        "idle_timeout_minutes": 1,
        "provider": {
            "type": "external",
            "module": PROVIDER,
            "head_node_id": HEAD_ID,
            "gcs_address": address,
            "launch_multiple": True,
            "disable_node_updaters": True,
        },
        "auth": {"ssh_user": "nobody", "ssh_private_key": os.devnull},
        "available_node_types": nodes,
        "head_node_type": HEAD_TYPE,
        "file_mounts": {},
        "file_mounts_sync_continuously": False,
    }

"""A job on a growing cluster, in a process apart from the Ray of other tests.

    python -m tests.helpers.elastic_job ADDRESS NUM_ITEMS

Prints one JSON object: what the cluster had at the start and could have, and the items with the
nodes that did them, in order of their end.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import ray

from jobs.common import cluster

ITEM_S = 3.0


class Sleeper:
    """Worker that waits, and says where."""

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        time.sleep(ITEM_S)
        return {"number": item["number"], "node": ray.get_runtime_context().get_node_id()}


def main() -> None:
    """Connect as soon as the cluster is up, and run the items."""
    address, num_items = sys.argv[1], int(sys.argv[2])
    until = time.monotonic() + 120
    while True:
        try:
            with cluster.session(address):
                sys.stdout.write(json.dumps(answer(num_items)) + "\n")
            return
        except Exception:
            if time.monotonic() > until:
                raise
            time.sleep(1)


def answer(num_items: int) -> dict[str, Any]:
    """Run the items and return the facts."""
    runner = cluster.RayRunner()
    start = {"cpus": cluster.cluster_resources().get("CPU", 0), "gpus": cluster.cluster_gpus()}
    items = [{"number": k} for k in range(num_items)]
    done = list(runner.map(Sleeper, (), items, video_s=60.0 * num_items))
    return start | {
        "done": done,
        "cpus_after": cluster.cluster_resources().get("CPU", 0),
        "possible": {name: cluster.possible(name) for name in ("CPU", "GPU")},
    }


if __name__ == "__main__":
    main()

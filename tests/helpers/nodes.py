"""Several Ray nodes on this machine, controlled by lines on standard input.

    python -m tests.helpers.nodes

Prints ``nodes: ADDRESS``. A line ``kill`` or ``add`` removes or adds a worker node, and is printed
again when that is done.
"""

import sys

from ray.cluster_utils import Cluster

STORE_BYTES = 100 * 2**20


def main() -> None:
    """Run commands until the end of input."""
    head = {"num_cpus": 0, "object_store_memory": STORE_BYTES}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    workers = [cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES) for _ in range(2)]
    say(cluster.address)
    try:
        for line in sys.stdin:
            if line.strip() == "kill":
                cluster.remove_node(workers.pop(0), allow_graceful=False)
            else:
                workers.append(cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES))
            say(line.strip())
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]


def say(text: str) -> None:
    """Print one line and flush."""
    sys.stdout.write(f"nodes: {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

"""Validation of groups of shards by Ray actors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ray.data import ActorPoolStrategy, Dataset, from_items

from emotion.validate.suites import Declared
from jobs.common import cluster
from jobs.validating.groups import Parts, validate_group


class ValidateGroup:
    """Ray actor that validates groups of shards; it imports Great Expectations once."""

    def __init__(self, dataset_uri: str, declared: Declared) -> None:
        self._dataset_uri, self._declared = dataset_uri, declared

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Validate the parts that ``row`` names; return ``number`` and ``result`` (JSON)."""
        report, counts = validate_group(
            self._dataset_uri, json.loads(row["parts"]), declared=self._declared
        )
        value = {"report": report.to_json(), "counts": counts}
        return {"number": row["number"], "result": json.dumps(value)}


def mapped(
    dataset_uri: str, groups: Sequence[Parts], declared: Declared, *, workers: int
) -> Dataset:
    """Return a lazy dataset with one row per group, in any order.

    A row has ``number``, the index of the group, and ``result``, JSON with the group's report and
    its numbers of rows per table.
    """
    items = [{"number": k, "parts": json.dumps(group)} for k, group in enumerate(groups)]
    pool = ActorPoolStrategy(min_size=1, max_size=max(1, min(workers, len(items))))
    return from_items(items, override_num_blocks=len(items)).map(
        ValidateGroup,  # type: ignore[arg-type]  # Ray's stubs do not know actor classes here
        fn_constructor_args=(dataset_uri, declared),
        compute=pool,
        num_cpus=1,
        runtime_env={"env_vars": cluster.WORKER_ENV},
    )

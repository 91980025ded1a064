"""Worker that validates groups of shards."""

from __future__ import annotations

import json

from emotion.validate.suites import Declared
from jobs.common.workers import Item
from jobs.validating.groups import validate_group


class ValidateGroup:
    """Worker that validates groups of shards; it imports Great Expectations once."""

    def __init__(self, dataset_uri: str, declared: Declared) -> None:
        self._dataset_uri, self._declared = dataset_uri, declared

    def __call__(self, item: Item) -> Item:
        """Validate the parts that ``item`` names.

        Args:
            item: ``number``, the index of the group, and ``parts`` (JSON).

        Returns:
            ``number``, and ``result``: JSON with the report and the numbers of rows per table.
        """
        report, counts = validate_group(
            self._dataset_uri, json.loads(item["parts"]), declared=self._declared
        )
        value = {"report": report.to_json(), "counts": counts}
        return {"number": item["number"], "result": json.dumps(value)}

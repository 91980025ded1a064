"""Compare the data of a score set with the data on which its model was trained.

    python -m jobs.drift --scores URI

Prints JSON. Exit codes, for alerts: 0 no drift, 1 drift, 2 an error. Predicted labels and
confidences are compared with the model's predictions on its val split. Sizes and brightness of
faces are compared with those of its training videos. Drift means that the data differ. It does not
mean that the predictions are wrong: look at some videos before you train again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from emotion import storage
from emotion.errors import InputError
from emotion.predict.drift import ALARM, WATCH
from emotion.predict.profiles import drifts, read_baseline, score_profiles
from emotion.ranges import at_least, check_ranges
from emotion.versions import check_job, check_schema_version
from jobs.common.command import Address, one_line_errors, parse
from jobs.ledger.output import SUCCESS


@dataclass(frozen=True)
class Config:
    """Options of a comparison.

    Attributes:
        scores: Score set to check: a folder that jobs.score made.
        baseline: Another score set to compare with, such as last month's; default: the figures of
            the training data that the model's package stores.
        out: JSON file to write as well, a local path or s3://; default: the JSON is only printed.
        watch: Population stability index from which a variable has the level watch; above 0 and at
            most --alarm.
        alarm: Population stability index from which a variable has the level drift; one such
            variable gives exit code 1.
        least: Minimum number of values on each side, at least 1; with fewer values the level of a
            variable is unknown.
    """

    scores: Address
    baseline: Address | None = None
    out: Address | None = None
    watch: float = WATCH
    alarm: float = ALARM
    least: int = 50

    def __post_init__(self) -> None:
        if not 0 < self.watch <= self.alarm:
            raise InputError(
                f"--watch must be above 0 and at most --alarm ({self.alarm:g}), got {self.watch:g}"
            )
        check_ranges(self, least=at_least(1))


def run(config: Config) -> int:
    """Print the comparison; return 1 if a variable drifts, else 0.

    Raises:
        InputError: if a score set is not complete, the label sets differ, or there is no baseline.
    """
    facts = _facts(config.scores, flag="scores")
    if config.baseline:
        other = _facts(config.baseline, flag="baseline")
        if other["labels"] != facts["labels"]:
            raise InputError(
                f"--baseline {config.baseline} has labels {other['labels']}, --scores has "
                f"{facts['labels']}; compare score sets of one label set"
            )
        baseline = score_profiles(config.baseline, facts["labels"])
    else:
        baseline = read_baseline(facts["training"])
        if not baseline:
            raise InputError(
                f"the package of --scores {config.scores} stores no profile of its training data "
                "(it is older, was trained on clips alone, or is a published network): name "
                "another score set by --baseline"
            )
    variables = drifts(
        config.scores,
        baseline,
        labels=facts["labels"],
        watch=config.watch,
        alarm=config.alarm,
        least=config.least,
    )
    levels = [one.level for one in variables]
    answer = {
        "scores": config.scores,
        "model": facts.get("model", f"model: {facts['model_id']}"),
        "baseline": config.baseline or f"training of model {facts['model_id']}",
        "drift": "drift" in levels,
        "watch": "watch" in levels,
        "thresholds": {"watch": config.watch, "alarm": config.alarm, "least": config.least},
        "variables": [one.to_json() for one in variables],
    }
    if config.out:
        storage.write_json(config.out, answer)
    print(json.dumps(answer, indent=1, allow_nan=False))
    return 1 if answer["drift"] else 0


def _facts(scores: str, *, flag: str) -> dict[str, Any]:
    if not storage.exists(storage.join(scores, SUCCESS)):
        raise InputError(f"{scores} is not a complete score set; run jobs.score")
    facts: dict[str, Any] = storage.read_json(storage.join(scores, "config.json"))
    check_job(facts, scores, flag=flag, job="jobs.score")
    if "model_id" not in facts:
        raise InputError(f"{scores} is not a score set; name a folder that jobs.score made")
    check_schema_version(facts, scores, flag=flag)
    return facts


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; return 0 without drift, 1 with drift."""
    return run(parse(Config, argv, verb="jobs.drift", doc=__doc__))


if __name__ == "__main__":
    raise SystemExit(main())

"""Train a model on a dataset's clips and write a model package.

    python -m jobs.train --dataset URI --out URI

Each URI is a local path or s3://. Leaves OUT/package, metrics.json, checkpoints/, tensorboard/ and
config.json. The same command again goes on from the last checkpoint; a finished run stays as it
is. Weights are chosen on the val split; the test split is never read.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

from emotion import storage
from jobs.common.command import one_line_errors, parse
from jobs.training.mlflow_run import begin_tracking
from jobs.training.run import (
    MAY_CHANGE,
    Config,
    claim,
    plan_worker,
    read_dataset,
    starting_weights,
    train,
)


def run(config: Config) -> int:
    """Train, or go on, or say that there is nothing left to do."""
    data = read_dataset(config)
    plan = plan_worker(config, data)
    done = storage.exists(storage.join(config.out, "metrics.json"))
    loaded = starting_weights(replace(plan, pretrained="none") if done else plan)
    claim(config, data)
    tracker = begin_tracking(vars(config), data, plan, may_change=MAY_CHANGE)
    if done:
        print(f"{config.out} is finished: nothing to do; its model is {config.out}/package")
        if tracker:
            tracker.finish(config.out)
        return 0
    if loaded.taken:
        print(loaded)
    print(
        f"training {config.model} on {data.num_train} clips of {data.train_subjects} subjects, "
        f"choosing on {data.num_val} clips of {data.val_subjects}"
    )
    if data.missing_in_val:
        missing = ", ".join(data.missing_in_val)
        print(f"warning: val has no clip of {missing}: val UAR is over the other labels")
    fitted = train(config, data, plan, loaded, tracker=tracker)
    if fitted.fault is None:
        return 0
    kept = f"the best of {len(fitted.state.history)} epochs is kept in {config.out}/package"
    print(f"error: {fitted.fault}; {kept}", file=sys.stderr)
    return 2


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; 0 when the package is written."""
    config = parse(Config, argv, doc=__doc__)
    return run(
        replace(config, dataset=storage.absolute(config.dataset), out=storage.absolute(config.out))
    )


if __name__ == "__main__":
    raise SystemExit(main())

"""Train and test once per fold of a dataset.

    python -m jobs.crossval --dataset URI --out URI --train="--epochs 40 --model r3d_lite"

Each fold is tested once by a model that saw none of its people: the next fold chooses its weights,
the others teach. Leaves OUT/FOLD/view (the fold's training clips, copied), OUT/FOLD/run (see
jobs.train), OUT/FOLD/metrics.json, and over all folds metrics.json and predictions.parquet. The
same command again goes on. --by corpus leaves one corpus out at a time.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from emotion import storage
from emotion.errors import InputError
from emotion.learn.evaluation import Evaluation, evaluate
from emotion.learn.outcome import Outcome
from emotion.predict.predictor import Predictor
from jobs import _ray, train
from jobs._cli import one_line_errors, parse
from jobs._crossval_folds import predict_fold, read_folds, val_fold, write_view
from jobs._evaluate_input import predictions_table
from jobs._mlflow import masked

FIGURES = ("war", "uar", "macro_f1", "weighted_f1", "top2", "ece", "coverage")


@dataclass(frozen=True)
class Config:
    """What to train on what, fold by fold.

    Attributes:
        dataset: Folder that jobs.build_dataset made and jobs.validate_dataset found good.
        out: Folder for the folds; new, or begun by the same command.
        by: Column of the dataset's videos that names the folds.
        train: Flags for jobs.train, as in --train="--epochs 40", but for --dataset, --out and
            --address.
        seed: Seed of the bootstrap.
        address: Ray cluster to join; default: $RAY_ADDRESS, else a local Ray.
    """

    dataset: str
    out: str
    by: str = "fold"
    train: str = ""
    seed: int = 0
    address: str | None = None


def run(config: Config) -> dict[str, Any]:
    """Train and judge every fold; returns what metrics.json holds.

    Raises:
        InputError: if the dataset has no such folds, or a fold's training fails.
    """
    folds = read_folds(config.dataset, by=config.by)
    _check_flags(config.train)
    _claim(config)
    found: dict[str, tuple[Evaluation, list[Outcome], tuple[str, ...]]] = {}
    with _ray.session(config.address):
        for name, videos in folds.items():
            home = storage.join(config.out, _folder(name))
            view, out = storage.join(home, "view"), storage.join(home, "run")
            print(f"fold {name}: {len(videos)} videos to test on", flush=True)
            write_view(config.dataset, view, folds=folds, test=name)
            flags = ["--dataset", view, "--out", out, *shlex.split(config.train)]
            if train.main(flags) != 0:
                raise InputError(f"training without fold {name} failed, see above; run again")
            predictor = Predictor.load(storage.join(out, "package"))
            outcomes = predict_fold(config.dataset, videos, predictor)
            labels = predictor.package.labels
            judged = evaluate(outcomes, labels=labels, seed=config.seed)
            facts = {"fold": name, "val_fold": val_fold(tuple(folds), name)}
            facts |= {"model_id": predictor.package.model_id}
            storage.write_json(storage.join(home, "metrics.json"), judged.to_json() | facts)
            found[name] = judged, outcomes, labels
    return _write(config, found)


def _folder(fold: str) -> str:
    """A fold's folder, whatever its name holds.

    >>> _folder("2"), _folder("a/b c")
    ('fold-2', 'fold-a_b_c')
    """
    return "fold-" + "".join(c if c.isalnum() or c in "-._" else "_" for c in fold)


def _check_flags(text: str) -> None:
    try:
        words = shlex.split(text)
    except ValueError as err:
        raise InputError(f"--train {text!r} cannot be read as flags: {err}") from err
    own = {"--dataset", "--out", "--address"} & {word.split("=")[0] for word in words}
    if own:
        raise InputError(f"--train may not hold {', '.join(sorted(own))}: each fold has its own")


def _claim(config: Config) -> None:
    uri = storage.join(config.out, "config.json")
    same = ("dataset", "by", "train")
    now = asdict(config) | {"train": masked(config.train)}
    if storage.exists(uri):
        before = storage.read_json(uri)
        changed = [name for name in same if before.get(name) != now[name]]
        if changed:
            what = ", ".join(f"{n} {before.get(n)!r}" for n in changed)
            raise InputError(f"--out {config.out} was begun with {what}; name a new --out")
    elif storage.is_folder(config.out) and storage.list_files(config.out):
        raise InputError(f"--out {config.out} holds files of something else; name a new --out")
    storage.check_writable(config.out)
    storage.write_json(uri, now)


def spread(folds: Mapping[str, Evaluation]) -> dict[str, dict[str, float]]:
    """Mean and sample deviation over the folds of each figure that every fold has."""
    found = {}
    for figure in FIGURES:
        values = [getattr(one, figure) for one in folds.values()]
        if all(value is not None for value in values):
            deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
            found[figure] = {"mean": float(np.mean(values)), "deviation": deviation}
    return found


def _write(
    config: Config, found: Mapping[str, tuple[Evaluation, list[Outcome], tuple[str, ...]]]
) -> dict[str, Any]:
    """The figures over all folds; every video was tested once."""
    outcomes = [o for _, its, _ in found.values() for o in its]
    labels = next(labels for _, _, labels in found.values())
    whole = evaluate(outcomes, labels=labels, seed=config.seed)
    by_fold = {name: one for name, (one, _, _) in found.items()}
    metrics = whole.to_json() | {
        "by": config.by,
        "over_folds": spread(by_fold),
        "folds": {
            name: {figure: getattr(one, figure) for figure in (*FIGURES, "n_videos", "n_subjects")}
            for name, one in by_fold.items()
        },
    }
    table = predictions_table(outcomes, labels)
    storage.write_table(storage.join(config.out, "predictions.parquet"), table)
    storage.write_json(storage.join(config.out, "metrics.json"), metrics)
    return metrics


def print_folds(metrics: Mapping[str, Any]) -> None:
    """A line per fold, and mean and deviation."""
    for name, one in metrics["folds"].items():
        print(f"fold {name}: WAR {one['war']:.3f}, UAR {one['uar']:.3f}, {one['n_videos']} videos")
    for figure, value in metrics["over_folds"].items():
        print(f"  {figure:12} {value['mean']:.3f} ± {value['deviation']:.3f}")


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; 0 when every fold is trained and tested."""
    given = parse(Config, argv, doc=__doc__)
    where = {name: storage.absolute(getattr(given, name)) for name in ("dataset", "out")}
    config = replace(given, dataset=where["dataset"], out=where["out"])
    print_folds(run(config))
    print(f"figures: {storage.join(config.out, 'metrics.json')}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

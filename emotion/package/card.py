"""Model card of a package, written from the package's facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emotion.package.card_figures import figures, table
from emotion.package.card_source import source_sections
from emotion.package.trust import Trust, warning_for
from emotion.splits import SPLITS

Facts = Mapping[str, Any]

TEMPLATE = """\
# Model card: {architecture}, {model_id}

A video model that names the **facial expression shown** in a short clip of one face.

## Intended use
Research on, and search in, video archives whose subjects were informed and whose processing is
lawful. It measures expressions shown by faces. It does not read a person's inner state, and
must not be presented as if it did.

## Uses that are forbidden
- The EU AI Act, Regulation (EU) 2024/1689, Article 5(1)(f), forbids AI systems that infer the
  emotions of a person **at the workplace or in education (schools, universities)**, except for
  medical or safety reasons. Do not use this model there.
- Where emotion recognition is allowed it is a high-risk use under Annex III, and Article 50(3)
  obliges whoever deploys it to inform the people exposed to it.
- No decision about a person (hiring, credit, policing, border, care) may rest on its output.

## What it was trained on
Kind of faces: {domain}.{warning}

{data}

Labels, in the order of the outputs: {labels}.

Clips: {clip_len} crops of {crop_px} x {crop_px} px at {sample_fps} samples per second, cut with
detector {detector} (extraction spec {digest}). It never scores crops made another way.

## How it was trained
{training}

## How good it is on val
Measured on the val split of that dataset, by which the weights were also chosen, and the
temperature fitted: expect less on others. The test split was not read in training. Sections
"Tested on" at the end, if there are any, show tests with `jobs.evaluate`.

{metrics}

## When it does not know
{margin}

## Limits
- Accuracy differs between people, ages, skin tones, poses and lights; measure it on the people it
  is to be used with, with the subjects kept apart, before using it.
- Figures from rendered or acted faces do not show how it does on other faces.
- It knows its {num_labels} labels only: any other expression is given one of them.
- It scores faces that the detector finds and tracks; other faces get no score.
{limits}"""


def model_card(facts: Facts) -> str:
    """Return the model card of a package as Markdown.

    Args:
        facts: content of ``model.json``.
    """
    spec, training, labels = facts["extraction"], facts["training"], facts["labels"]
    trust = Trust.from_json(facts["trust"]) if "trust" in facts else Trust()
    warning = warning_for(trust)
    metrics = {"temperature": facts.get("temperature")} | facts["metrics"]
    return TEMPLATE.format(
        architecture=facts["architecture"],
        model_id=facts["model_id"],
        data=_data(training, labels),
        labels=", ".join(labels),
        num_labels=len(labels),
        clip_len=spec["clip_len"],
        crop_px=spec["crop_px"],
        sample_fps=spec["sample_fps"],
        detector=spec["detector"],
        digest=spec["digest"],
        training=_training(facts),
        metrics=figures(metrics, labels, unit="clips"),
        limits=_limits(training) + source_sections(facts),
        domain=trust.domain,
        warning=f" {warning[0].upper()}{warning[1:]}." if warning else "",
        margin=_margin(trust),
    )


def _margin(trust: Trust) -> str:
    """Return text about the margin below which an answer is uncertain."""
    if not trust.margin:
        return "No answer of this model is marked as uncertain: its margin is 0."
    return (
        f"An answer whose two largest probabilities differ by less than {trust.margin:.3f} is "
        "marked as uncertain."
    )


def _data(training: Facts, labels: list[str]) -> str:
    """Return text about the dataset: its address, its split, and people and clips per split."""
    lines = [f"- dataset: {training.get('dataset', 'not recorded')}"]
    for name, text in (("dataset_digest", "digest"), ("split_by", "split of people by")):
        if training.get(name):
            lines.append(f"- {text}: {training[name]}")
    if training.get("corpora"):
        named = (f"{name} ({count:,} videos)" for name, count in training["corpora"].items())
        lines.append(f"- corpora: {', '.join(named)}")
    splits = [s for s in SPLITS if training.get(f"{s}_clips") is not None]
    if not splits:
        return "\n".join(lines)
    rows = [
        (split, f"{training[f'{split}_subjects']:,}", f"{training[f'{split}_clips']:,}")
        + tuple(f"{training.get(f'{split}_counts', {}).get(label, 0):,}" for label in labels)
        for split in splits
    ]
    return "\n".join(lines) + "\n\n" + table(("split", "people", "clips", *labels), rows)


def _training(facts: Facts) -> str:
    training = facts["training"]
    lines = [
        _recipe(training),
        _start(training),
        _fact("seed", training.get("seed")),
        _fact("epochs run", training.get("epochs"), f"best: {training.get('best_epoch')}"),
        _fact("weights, as numbers", training.get("num_parameters")),
        _fact("hours of CPU", _hours(training.get("cpu_s"))),
        _fact("git commit", training.get("git_commit")),
        _fact("with", ", ".join(f"{k} {v}" for k, v in sorted(facts["versions"].items()))),
    ]
    return "\n".join(f"- {line}" for line in lines if line) or "- not recorded"


def _fact(name: str, value: object, note: str = "") -> str:
    text = f"{value:,}" if isinstance(value, int) else value
    return f"{name}: {text}{f' ({note})' if note else ''}" if value not in (None, "") else ""


def _hours(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds / 3600:.2f}"


def _recipe(training: Facts) -> str:
    """Return the options of the recipe as text, without options that were off."""
    recipe = training.get("recipe")
    if not recipe:
        return ""
    words = [
        f"up to {recipe['epochs']} epochs",
        f"{training.get('batch_size')} clips per batch",
        f"AdamW at {recipe['lr']:g} with weight decay {recipe['weight_decay']:g}",
        f"warm-up over {recipe['warmup']:.0%} of the steps, then half a cosine to 0",
        f"{recipe['loss'].replace('_', ' ')} with label smoothing {recipe['label_smoothing']:g}",
        f"balance of labels by {recipe['balance']}",
        f"precision {recipe['precision']}",
    ]
    for name, text in (
        ("accumulate", "batches per step"),
        ("ema_decay", "moving average of the weights"),
        ("mixup", "mixup"),
        ("cutmix", "cutmix"),
        ("freeze_epochs", "backbone frozen for epochs"),
        ("patience", "ends after epochs without a better one"),
    ):
        if recipe.get(name):
            words.append(f"{text} {recipe[name]:g}")
    if recipe.get("backbone_lr", 1.0) != 1.0:
        words.append(f"learning rate of the backbone times {recipe['backbone_lr']:g}")
    changes = ", ".join(f"{k} {v:g}" for k, v in sorted(recipe["augment"].items()) if v)
    return f"recipe: {'; '.join(words)}; augmentation: {changes or 'none'}"


def _start(training: Facts) -> str:
    report = training.get("pretrained_report")
    if report is None:
        source = training.get("pretrained")
        return f"started from: {source if source not in (None, 'none') else 'random weights'}"
    return (
        f"started from: {report['source']}, {report['num_tensors']} tensors; "
        f"new were {', '.join(report['new'])}"
    )


def _limits(training: Facts) -> str:
    """Return limits that follow from the facts: few people, rare labels, labels without clips."""
    lines = []
    if "train_subjects" in training:
        lines.append(
            f"- It was trained on {training['train_subjects']:,} people, and chosen on "
            f"{training['val_subjects']:,}.\n"
        )
    counts = {k: v for k, v in training.get("train_counts", {}).items() if v}
    if counts:
        rare = min(counts, key=lambda label: counts[label])
        lines.append(f"- The rarest label in training is {rare}, with {counts[rare]:,} clips.\n")
    for split in ("train", "val"):
        absent = [k for k, count in training.get(f"{split}_counts", {}).items() if not count]
        if absent:
            lines.append(f"- The {split} split had no clip of: {', '.join(absent)}.\n")
    return "".join(lines)


def with_test(card: str, metrics: Facts, *, name: str) -> str:
    """Return the card with a section about a test at its end.

    An earlier section about a test of the same name is removed.

    Args:
        card: the card, Markdown.
        metrics: content of an evaluation's ``metrics.json``.
        name: name of the test, such as the score set and its split.
    """
    heading = f"Tested on {name}"
    head, *sections = card.split("\n## ")
    kept = [one.rstrip("\n") for one in sections if one.split("\n", 1)[0] != heading]
    body = figures(metrics, metrics["labels"], unit="videos")
    digest = f"Test set {metrics['test_set_digest'][:16]} (digest of videos, labels and people)."
    return "\n\n## ".join([head.rstrip("\n"), *kept, f"{heading}\n{digest}\n\n{body}\n"])

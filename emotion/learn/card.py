"""The model card that travels with the weights, written from the package's own facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
{training}

Labels, in the order of the outputs: {labels}.

Clips: {clip_len} crops of {crop_px} x {crop_px} px at {sample_fps} samples per second, cut with
detector {detector} (extraction spec {digest}). It never scores crops made another way.

## How good it is
Measured on the val split of that dataset, by which the weights were also chosen: expect less on
others. The test split was not read in training; `jobs.evaluate` gives that number.

{metrics}

Accuracy differs between people, ages, skin tones, poses and lights; measure it on the people it is
to be used with, with the subjects kept apart, before using it. A model trained on rendered or
acted faces says nothing of how it does on others.
"""


def model_card(facts: Mapping[str, Any]) -> str:
    """Markdown for people.

    Args:
        facts: what ``model.json`` holds.
    """
    spec = facts["extraction"]
    return TEMPLATE.format(
        architecture=facts["architecture"],
        model_id=facts["model_id"],
        training=_bullets(facts["training"]),
        labels=", ".join(facts["labels"]),
        clip_len=spec["clip_len"],
        crop_px=spec["crop_px"],
        sample_fps=spec["sample_fps"],
        detector=spec["detector"],
        digest=spec["digest"],
        metrics=_bullets(facts["metrics"]),
    )


def _bullets(values: Mapping[str, Any]) -> str:
    """One line per plain value; nested ones stay in ``model.json``.

    >>> _bullets({"uar": 0.61234, "subjects": 35, "confusion": [[1]]})
    '- uar: 0.612\\n- subjects: 35'
    """
    lines = []
    for name, value in values.items():
        if isinstance(value, float):
            lines.append(f"- {name}: {value:.3f}")
        elif isinstance(value, (str, int)):
            lines.append(f"- {name}: {value}")
    return "\n".join(lines) or "- nothing recorded"

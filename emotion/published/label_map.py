"""Labels of a published network as the labels of a package: kept, renamed, added up or left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emotion.errors import InputError
from emotion.labels import LABELS

DROP = ""
"""Name that leaves a label out: the other probabilities are divided by their sum."""


@dataclass(frozen=True)
class LabelMap:
    """Labels of a package, and the outputs of the network that each of them counts.

    Attributes:
        labels: labels of the package.
        outputs: for each label, the numbers of the network's outputs whose probabilities are
            added.
    """

    labels: tuple[str, ...]
    outputs: tuple[tuple[int, ...], ...]

    @property
    def order(self) -> list[int]:
        """Numbers of all outputs that are kept, in the order of the labels."""
        return [number for numbers in self.outputs for number in numbers]

    @property
    def merge(self) -> str:
        """Text for the argument ``merge`` of ``cnn_*``; empty if no probabilities are added."""
        counts = [len(numbers) for numbers in self.outputs]
        return "" if max(counts) == 1 else ",".join(map(str, counts))


def map_labels(names: Sequence[str], changes: Mapping[str, str]) -> LabelMap:
    """Return the labels of a package for the outputs of a network.

    Labels of the default set come first, in its order; the others follow in the network's order.

    Args:
        names: labels in the order of the network's outputs.
        changes: new name by name. Several outputs with one new name are added up. ``DROP`` leaves
            an output out.

    Raises:
        InputError: on a repeated or empty name, a change of an unknown name, or if fewer than 2
            labels are left.

    >>> map_labels(["angry", "contempt", "happy"], {"contempt": "angry"})
    LabelMap(labels=('happy', 'angry'), outputs=((2,), (0, 1)))
    """
    if "" in names:
        raise InputError("--labels has an empty label; name each output of the network")
    repeated = sorted({name for name in names if list(names).count(name) > 1})
    if repeated:
        raise InputError(f"--labels names {', '.join(repeated)} more than once")
    unknown = sorted(changes.keys() - set(names))
    if unknown:
        raise InputError(
            f"--map names {', '.join(unknown)}, which is not among the labels {', '.join(names)}"
        )
    new = [changes.get(name, name) for name in names]
    kept = dict.fromkeys(name for name in new if name != DROP)
    labels = tuple(sorted(kept, key=lambda name: LABELS.index(name) if name in LABELS else 99))
    if len(labels) < 2:
        left = "1 label is" if labels else "0 labels are"
        raise InputError(f"{left} left after --map; a package needs 2 or more")
    outputs = (tuple(i for i, name in enumerate(new) if name == label) for label in labels)
    return LabelMap(labels, tuple(outputs))


def parse_changes(texts: Sequence[str]) -> dict[str, str]:
    """Read texts such as "contempt=disgust" or "contempt=" (left out).

    Raises:
        InputError: if a text has no "=", or a label is changed twice.

    >>> parse_changes(["contempt=", "happiness=happy"])
    {'contempt': '', 'happiness': 'happy'}
    """
    changes: dict[str, str] = {}
    for text in texts:
        name, sign, new = text.partition("=")
        if not sign or not name:
            raise InputError(f"--map {text!r} must be LABEL=NEW, or LABEL= to leave it out")
        if name in changes:
            raise InputError(f"--map changes {name} twice")
        changes[name] = new
    return changes

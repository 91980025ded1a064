"""Outputs of a frozen trunk, computed once for each augmented version of a clip and then kept."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import torch
from torch import Tensor, nn

from emotion.models.registry import find_model
from emotion.models.transforms import to_input
from emotion.train.augment import change_pixels, change_time
from emotion.train.batches import Batch
from emotion.train.recipe import Recipe

MAX_BYTES = 4 * 10**9
"""Largest size of the kept outputs of one process; further ones are computed in each epoch."""


class Trunk:
    """The trunk of a model under training; equal clips and views give equal outputs.

    In epoch ``e`` each clip is seen in view ``e`` modulo ``recipe.views``. A view is one augmented
    version, drawn from the seed, the clip's name and the number of the view. So a resumed run sees
    the same versions, in whatever order its clips come.

    Args:
        name: architecture; its ``Model.trunk`` is not None.
        recipe: ``views`` and ``augment`` are used.
        seed: seed of the run.
    """

    def __init__(self, name: str, recipe: Recipe, *, seed: int) -> None:
        self._name, self._recipe, self._seed = name, recipe, seed
        self._kept: dict[tuple[str, int], Tensor] = {}
        self._free = MAX_BYTES

    def of_training(self, model: nn.Module, batch: Batch, *, epoch: int) -> Tensor:
        """Return the outputs for augmented clips, (B, T, ...), on the device of the model.

        Args:
            model: the bare model.
            batch: B clips with names.
            epoch: number of the epoch, from 1.
        """
        return self._outputs(model, batch, view=1 + (epoch - 1) % self._recipe.views)

    def of_evaluation(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return the outputs for unchanged clips, (B, T, ...), on the device of the model."""
        return self._outputs(model, batch, view=0)

    @torch.no_grad()
    def _outputs(self, model: nn.Module, batch: Batch, *, view: int) -> Tensor:
        device = next(model.parameters()).device
        modes = [(module, module.training) for module in model.modules()]
        model.eval()
        rows = []
        for name, clip in zip(batch.clip_ids, batch.clips, strict=True):
            kept = self._kept.get((name, view))
            rows.append(self._computed(model, name, clip, view) if kept is None else kept)
        for module, mode in modes:  # not model.train(): frozen norms stay in eval mode
            module.training = mode
        return torch.stack(rows).to(device)

    def _computed(self, model: nn.Module, name: str, clip_THWC: Tensor, view: int) -> Tensor:
        entry = find_model(self._name)
        trunk, look = entry.trunk, entry.look
        assert trunk is not None
        clips = clip_THWC[None].to(next(model.parameters()).device)
        limits = self._recipe.augment
        if view:
            # Clips of a batch are stacked, so all start at the same frame.
            is_late = float(torch.rand(1, generator=self._generator("", view))) < limits.late
            generator = self._generator(name, view)
            clips = change_time(clips, replace(limits, late=float(is_late)), generator=generator)
        x_BCTHW = look(model, to_input(clips))
        if view:
            x_BCTHW = change_pixels(x_BCTHW, limits, generator=generator)
        output: Tensor = trunk(model, x_BCTHW)[0].cpu()
        if output.nbytes <= self._free:
            self._free -= output.nbytes
            self._kept[name, view] = output
        return output

    def _generator(self, name: str, view: int) -> torch.Generator:
        text = f"{self._seed} {view} {name}"
        digest = hashlib.sha256(text.encode()).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))

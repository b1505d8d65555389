"""One training step: network and discriminator, each with its optimiser, in one process or several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import AutocastKwargs
from torch import Tensor, nn
from torch.func import functional_call

from hint.mano.model import ManoModel
from hint.methods.hamer.network import HamerOutput, HandDecoder, normalise
from hint.training.average import Average
from hint.training.batch import Batch
from hint.training.losses import discriminator_loss, generator_loss, supervised_losses, weighted
from hint.training.mocap import PER_HAND, MocapBatch
from hint.training.model import TrainingModel, official_state
from hint.training.precision import AUTOCAST
from hint.training.preset import Preset
from hint.training.schedule import learning_rate
from hint.training.spread import exchange_gradients, part_of, parts_of_optimiser, spread, whole


def make_accelerator(preset: Preset, device: torch.device) -> Accelerator:
    """Join the other processes named in the environment, if any, and set up loss scaling for fp16."""
    scaled = "fp16" if preset.precision == "fp16" else "no"
    # The network casts its backbone itself; an outer autocast would cast the head as well.
    return Accelerator(
        cpu=device.type == "cpu", mixed_precision=scaled, kwargs_handlers=[AutocastKwargs(enabled=False)]
    )


class Learner:
    """Everything that a step changes.

    Args:
        preset: Losses, optimiser and precision.
        model: Network and discriminator with initial weights; moved to the device.
        mano: Hand model.
        accelerator: Device and processes.
        seed: Seed of the random numbers in the network.
    """

    def __init__(
        self, preset: Preset, model: TrainingModel, mano: ManoModel, accelerator: Accelerator, seed: int = 0
    ) -> None:
        self.preset, self.accelerator, self.seed = preset, accelerator, seed
        self.config = model.network.config
        model.network.autocast = AUTOCAST[preset.precision]
        if preset.gradient_checkpointing:
            model.network.backbone.gradient_checkpointing = True
        if preset.compile:
            model.network.backbone.compile()
        self.spread = preset.spread and accelerator.num_processes > 1
        network: nn.Module = model.network
        if self.spread:
            network = spread(model.network, accelerator.device)
        elif accelerator.num_processes > 1 and accelerator.device.type == "cuda":
            network = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        self.decoder = HandDecoder(mano, preset.crop_size).to(accelerator.device)
        self.optimisers = [accelerator.prepare(_adamw(module, preset)) for module in (network, model.discriminator)]
        self.network: nn.Module = (network if self.spread else accelerator.prepare(network)).train()
        self.discriminator: nn.Module = accelerator.prepare(model.discriminator).train()
        self.average = Average(self.plain_network, preset.optimiser.ema) if preset.optimiser.ema else None
        self.output: HamerOutput | None = None

    @property
    def plain_network(self) -> nn.Module:
        """The unwrapped network."""
        network: nn.Module = self.accelerator.unwrap_model(self.network)
        return network

    @property
    def plain_discriminator(self) -> nn.Module:
        """The unwrapped discriminator."""
        discriminator: nn.Module = self.accelerator.unwrap_model(self.discriminator)
        return discriminator

    @torch.no_grad()
    def predict(self, batch: Batch) -> HamerOutput:
        """Predict hands with the weights that are kept at the end, the averaged ones if there are any."""
        plain = self.plain_network.eval()
        with self._kept_weights(plain) as network:
            output: HamerOutput = self.decoder(*network(normalise(batch.image)))
        plain.train()
        return output

    @contextmanager
    def _kept_weights(self, plain: nn.Module) -> Iterator[Callable[[Tensor], Any]]:
        """Yield the network with its averaged weights, if there are any."""
        if self.average is None:
            yield plain
        elif not self.spread:
            state = self.average.state
            yield lambda crops: functional_call(plain, state, (crops,))
        else:  # spread weights can only compute in their own place
            last = {key: value.detach().clone() for key, value in plain.state_dict().items()}
            plain.load_state_dict(self.average.state)
            yield plain
            plain.load_state_dict(last)

    def compute(self, step: int, batch: Batch, real: MocapBatch) -> dict[str, Tensor]:
        """Compute losses and gradients of a step without changing weights.

        Args:
            step: Index of the step, from 0.
            batch: This process's share of the hands.
            real: Its share of the real hands.

        Returns:
            Unweighted sums over the share, divided by the size of the whole batch: their sum over the processes is
            the mean per hand. "total" is weighted.
        """
        # Seeded at every step, so that a resumed training continues as if it had not stopped.
        draws = np.random.SeedSequence((self.seed, step, self.accelerator.process_index))
        torch.manual_seed(int(draws.generate_state(1)[0]))
        for optimiser in self.optimisers:
            optimiser.zero_grad()
        parts = list(self._parts(batch, real))
        sums: dict[str, Tensor] = {}
        for k, part in enumerate(parts):
            with ExitStack() as stack:
                exchange_gradients(self.network, now=k + 1 == len(parts))
                if k + 1 < len(parts):
                    for module in [self.discriminator] if self.spread else [self.network, self.discriminator]:
                        stack.enter_context(self.accelerator.no_sync(module))
                for name, loss in self._backward(*part).items():
                    sums[name] = sums.get(name, torch.zeros_like(loss)) + loss
        return sums

    def apply(self, step: int) -> dict[str, float]:
        """Update the weights; return the learning rate and, with clipping, the gradient norm."""
        rate = learning_rate(self.preset.optimiser, step, self.preset.steps)
        outputs = {"learning_rate": rate}
        if self.preset.optimiser.clip:
            norm = self.accelerator.clip_grad_norm_(self.network.parameters(), self.preset.optimiser.clip)
            outputs["gradient_norm"] = float(whole(norm))
        for optimiser in self.optimisers[: 2 if self.preset.losses.adversarial else 1]:
            for group in optimiser.param_groups:
                group["lr"] = rate
            # Accelerate's own step would change the loss scale between the two optimisers.
            optimiser.step() if self.scaler is None else self.scaler.step(optimiser.optimizer)
        if self.scaler is not None:
            self.scaler.update()
        if self.average is not None:
            self.average.update(self.plain_network, step)
        return outputs

    def _parts(self, batch: Batch, real: MocapBatch) -> Iterator[tuple[Batch, MocapBatch]]:
        """Split the share of a process into parts that fit into memory; the last may be smaller."""
        n = -(-len(batch) // self.preset.accumulate)
        device = self.accelerator.device
        # Whole, since parts of what the loader pinned would not be.
        batch = batch.to(device, non_blocking=True)
        for start in range(0, len(batch), n):
            chosen = slice(PER_HAND * start, PER_HAND * (start + n))
            share = MocapBatch(real.hand_pose[chosen].to(device), real.betas[chosen].to(device))
            yield batch.select(slice(start, start + n)), share

    def _backward(self, batch: Batch, real: MocapBatch) -> dict[str, Tensor]:
        whole = self.preset.batch_size
        self.output = output = self.decoder(*self.network(normalise(batch.image)))
        losses = supervised_losses(output, batch)
        if self.preset.losses.adversarial:
            scores = self._frozen_scores(output)
            losses["adversarial"] = generator_loss(scores)
        losses = {name: loss / whole for name, loss in losses.items()}
        total = weighted(losses, self.preset.losses, self.preset.sum_over)
        # Gradients are averaged over the processes, but losses must be summed.
        self.accelerator.backward(total * self.accelerator.num_processes)
        if self.preset.losses.adversarial:
            losses["discriminator"] = self._backward_discriminator(output, real)
        return {name: loss.detach() for name, loss in {"total": total, **losses}.items()}

    def _frozen_scores(self, output: HamerOutput) -> Tensor:
        """Score predictions with gradients for them but not for the discriminator."""
        plain = self.plain_discriminator
        frozen = {key: value.detach() for key, value in plain.state_dict(keep_vars=True).items()}
        scores: Tensor = functional_call(plain, frozen, (output.hand_pose, output.betas))
        return scores

    def _backward_discriminator(self, output: HamerOutput, real: MocapBatch) -> Tensor:
        n = len(output.betas)
        poses = torch.cat([output.hand_pose.detach(), real.hand_pose])
        scores = self.discriminator(poses, torch.cat([output.betas.detach(), real.betas]))
        loss = discriminator_loss(scores[:n], scores[n:]) / self.preset.batch_size
        self.accelerator.backward(self.preset.losses.adversarial * loss * self.accelerator.num_processes)
        return loss

    def official_state(self, averaged: bool = False) -> dict[str, Tensor]:
        """Return the weights under the released keys, in the first process; all processes must ask."""
        network = self.average.state if averaged and self.average is not None else self.plain_network.state_dict()
        return official_state(self._whole(network), self.plain_discriminator.state_dict())

    def load_official(self, weights: Mapping[str, Tensor]) -> None:
        """Load weights of :meth:`official_state`."""
        own = self.plain_network.state_dict()
        self.plain_network.load_state_dict({key: part_of(weights[key], own[key]) for key in own})
        scores = self.plain_discriminator.state_dict()
        self.plain_discriminator.load_state_dict({key: weights[f"discriminator.{key}"] for key in scores})

    def further_state(self) -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
        """Return the states of the optimisers and the averaged weights, as :meth:`official_state` the weights."""
        average = self.average.state if self.average is not None else {}
        return [self._whole(optimiser.state_dict()) for optimiser in self.optimisers], self._whole(average)

    def load_further(self, optimisers: Sequence[dict[str, Any]], average: Mapping[str, Tensor]) -> None:
        """Load states of :meth:`further_state`."""
        for optimiser, state in zip(self.optimisers, optimisers, strict=True):
            optimiser.load_state_dict(parts_of_optimiser(state, optimiser))
        if self.average is not None:
            self.average.load({key: part_of(average[key], value) for key, value in self.average.state.items()})

    def _whole(self, state: dict[str, Any]) -> dict[str, Any]:
        gathered: dict[str, Any] = whole(state, self.accelerator.is_main_process) if self.spread else state
        return gathered

    @property
    def scaler(self) -> Any:
        """Loss scaling for fp16, otherwise None."""
        return self.accelerator.scaler


def _adamw(module: nn.Module, preset: Preset) -> torch.optim.AdamW:
    rule = preset.optimiser
    return torch.optim.AdamW(module.parameters(), lr=rule.learning_rate, weight_decay=rule.weight_decay)

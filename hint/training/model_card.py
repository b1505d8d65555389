"""``MODEL_CARD.md``: what a trained model is, in words that can be passed on with its weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hint.training.sources import SETS

if TYPE_CHECKING:
    from hint.training.preset import Preset

_PROCEDURAL = "the toolkit's procedural hand, which needs no licence"
_MANO = "MANO, for non-commercial research; its arrays are not in the weights"


def model_card(
    preset: Preset,
    description: Mapping[str, Any],
    losses: Mapping[str, float],
    start: str,
    sha256: str,
    scores: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Describe a finished training as Markdown.

    Args:
        preset: What was trained.
        description: Step, seed, hands of each source, hand model and provenance, as stored with the weights.
        losses: Those of the last step, sums over its hands.
        start: Where the first weights came from.
        sha256: Of the weights file.
        scores: On hands that were not trained on, by step, as in ``validation.jsonl``.
    """
    lines = [*_lines(preset, description, losses, start, sha256), *_scores(scores)]
    return "\n".join(lines) + "\n"


def _lines(
    preset: Preset, description: Mapping[str, Any], losses: Mapping[str, float], start: str, sha256: str
) -> Iterator[str]:
    provenance, network = description["provenance"], preset.network
    yield f"# {preset.title}"
    yield ""
    yield f"Trained by `hint train {preset.id}` (hint {provenance.get('version', 'unknown')})."
    yield from ("", "| | |", "|---|---|")
    facts = {
        "weights": f"`weights.safetensors`, sha256 `{sha256}`",
        "network": f"{network.backbone}, crops of {preset.crop_size} px, boxes times {network.box_factor:g}",
        "started from": start,
        "steps": f"{description['step']:,} of {preset.batch_size} hands; losses summed over {preset.sum_over}",
        "optimiser": f"AdamW, {preset.optimiser.learning_rate:g}, {preset.optimiser.schedule}, {preset.precision}",
        "seed": str(description["seed"]),
        "hand model": _PROCEDURAL if description["mano"] == "procedural" else _MANO,
        "real hands": description["mocap"],
        "commit": str(provenance.get("commit") or "unknown"),
    }
    yield from (f"| {name} | {text} |" for name, text in facts.items())
    yield from ("", "## Training data", "", "| source | share | hands |", "|---|---:|---:|")
    total = sum(rule.weight for rule in preset.datasets.values())
    for name, rule in preset.datasets.items():
        title = SETS[name].title if name in SETS else name
        yield f"| {title} | {rule.weight / total:.3f} | {_hands(description['hands'][name])} |"
    yield from ("", "The licences of these data hold for what may be done with the weights; see each source.")
    yield from ("", "## Losses of the last step", "", "| loss | sum over the batch | factor |", "|---|---:|---:|")
    factors = preset.losses.model_dump()
    for name, value in losses.items():
        yield f"| {name} | {value:.4g} | {f'{factors[name]:g}' if name in factors else ''} |"


def _scores(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from ("", "## Scores", "")
    if not rows:
        yield "None yet: `hint eval --method hamer --weights weights.safetensors --data LABELS`."
        return
    best = max(rows, key=lambda row: float(row["score"]))
    yield "Of the crops of training, without augmentation; `hint eval` cuts as each method does."
    yield from ("", "| weights | step | hands | PCK@0.05 | PCK@0.1 |", "|---|---:|---|---:|---:|")
    for weights, row in (("best.safetensors", best), ("weights.safetensors", rows[-1])):
        for name, values in row["sets"].items():
            cells = (weights, f"{row['step']:,}", f"{values['hands']:.0f} of {name}")
            yield f"| {' | '.join(cells)} | {values['pck_0.05']:.1f} | {values['pck_0.1']:.1f} |"


def _hands(number: int) -> str:
    return f"{number:,}" if number else "not counted"

"""What a reader must know about MediaPipe Hands, and what must be there before it can run."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from hint.errors import InputError
from hint.landmarks import files
from hint.methods.mano_card import SUFFIX, fitted_card, missing_for_fit
from hint.types import AUTO, MethodCard, MethodOptions

CARD: Final = MethodCard(
    name="mediapipe",
    title="MediaPipe Hands",
    summary="MediaPipe's landmark network on the box: turned until a hand stands upright; runs on the CPU.",
    paper="Zhang et al., MediaPipe Hands: On-device Real-time Hand Tracking, arXiv 2006.10214",
    code_licence="MIT",
    weights_licence="Apache-2.0",
    training_data=("30K annotated photographs (not public)", "synthetic hands (not public)"),
    trained_on_hint=False,
    parameters=2_700_000,
)


class Detector:
    """The second method of this folder, as the list of methods needs it."""

    CARD: Final = replace(
        CARD,
        name="mediapipe-detector",
        title="MediaPipe Hands (own detector)",
        summary="MediaPipe as it is used: palms found in a crop around the box, then landmarks; misses hands.",
        parameters=4_400_000,
    )

    @staticmethod
    def missing(options: MethodOptions | None = None) -> str:
        """Tell what must be installed or fetched first, as :func:`missing` does."""
        return missing(options)


class Fitted:
    """``mediapipe-mano``, as the list of methods needs it."""

    CARD: Final = replace(
        fitted_card(CARD),
        summary=f"A MANO hand fitted to the keypoints of mediapipe, with its mesh; {SUFFIX} works behind any name.",
    )

    @staticmethod
    def missing(options: MethodOptions | None = None) -> str:
        """Tell what must be installed or fetched first."""
        return missing(options) or missing_for_fit()


def missing(options: MethodOptions | None = None) -> str:
    """Tell what must be installed or fetched first, then ": " and what to type; "" where MediaPipe can run."""
    del options  # nothing depends on them
    return files.missing()


def refuse_options(method: str, options: MethodOptions) -> None:
    """Refuse what cannot be followed.

    Raises:
        InputError: If a GPU, other weights or another precision are asked for.
    """
    if options.precision not in (AUTO, "fp32"):
        raise InputError(f"{method} runs in fp32 only, not in {options.precision}; leave out --precision")
    if options.device == "cuda" or options.weights is not None:
        raise InputError(f"{method} runs MediaPipe's own networks on the CPU; leave out --device cuda and --weights")

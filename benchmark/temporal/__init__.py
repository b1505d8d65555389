"""Hands that move: sequences of labelled frames, acceleration error and jitter."""

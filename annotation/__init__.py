"""Frames to labels."""

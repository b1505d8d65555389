"""Exact frames out of videos, decoding only what is needed.

Frame n is what ``ffmpeg -i video out_%d.jpg`` writes as its file n+1: at the video's frame rate, from its first
timestamp on, a frame repeated where the video has a gap. For a video of constant rate that is simply its nth frame.
"""

from hint.video.ffmpeg import cut_jpegs
from hint.video.pixels import read_frames
from hint.video.timeline import DamagedVideoError, FrameRangeError, VideoError

__all__ = ["DamagedVideoError", "FrameRangeError", "VideoError", "cut_jpegs", "read_frames"]

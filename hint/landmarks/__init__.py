"""MediaPipe's two hand networks, palms and landmarks, without the package: boxes in, 21 points out.

Their files are fetched (`hint fetch mediapipe`) and run by LiteRT on the CPU. :mod:`~hint.landmarks.reading` reads one
hand from its box, :mod:`~hint.landmarks.palm` finds palms in a picture.

Source: Zhang et al., MediaPipe Hands: On-device Real-time Hand Tracking, arXiv 2006.10214.
"""

"""MediaPipe Hands 0.10.21: its landmark network on the given box, or its palm network first."""

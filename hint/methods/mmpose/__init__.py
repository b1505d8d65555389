"""Hand models of MMPose, run from their own configs and checkpoints."""

"""Two annotations of the same hands: how far do they agree, and how far could any method."""

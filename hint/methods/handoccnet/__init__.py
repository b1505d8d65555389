"""HandOccNet: a feature pyramid, two transformers and a heat map head, with MANO on top."""

"""HaMeR: a ViT-H and a transformer decoder that regress MANO from one crop."""

"""The released dataset: is it whole, and where its Ego4D frames come from."""

"""Are annotations consistent: with pictures, with what hands look like, with pre-labels, with one another."""

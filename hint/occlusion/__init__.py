"""Which joints of a hand are occluded: a guess from the picture and from where the joints are."""

"""Training of HaMeR: data, losses, discriminator, loop, presets."""

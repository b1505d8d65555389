"""WiLoR: HaMeR's ViT-H with tokens for pose, shape and camera, refined by what it saw where the mesh lies."""

"""METRO and Mesh Graphormer: transformers whose tokens are the joints and vertices of a hand."""

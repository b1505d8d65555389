"""MANO: its arrays, its reader, its layer, and a licence-free hand with the same interface."""

"""Made-up trees of Hands23, VISOR, Ego4D, HInt, FreiHAND and HO-3D annotations, and what a reader must make of them.

Proportions are about those of the real ones, whose oddities occur at small rates. Everything follows from the seed.
Numbers are drawn, nothing is copied. The truth comes from the drawing, not from reading the files back.

Importable with the folder above on ``sys.path``; needs numpy, and Pillow for pictures.
"""

from .draws import Written, gap, jpeg, name_of
from .fho import write_fho_hands, write_fho_main
from .hands23 import write_hands23
from .meshes import MeshSet, write_freihand, write_ho3d
from .sequences import SequenceSet, write_ego4d_seq
from .visor import write_visor

__all__ = [
    "MeshSet",
    "SequenceSet",
    "Written",
    "gap",
    "jpeg",
    "name_of",
    "write_ego4d_seq",
    "write_fho_hands",
    "write_fho_main",
    "write_freihand",
    "write_hands23",
    "write_ho3d",
    "write_visor",
]

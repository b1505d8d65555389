"""The 21 joints of a hand: names, bones, fingers, colours, and their place in MANO.

Order of HInt, OpenPose and MediaPipe: the wrist, then thumb, index, middle, ring and little finger from base to tip.
"""

FINGERS = ("thumb", "index", "middle", "ring", "little")

JOINT_NAMES = (
    "wrist",
    "thumb_cmc",
    "thumb_mcp",
    "thumb_ip",
    "thumb_tip",
    *(f"{finger}_{part}" for finger in FINGERS[1:] for part in ("mcp", "pip", "dip", "tip")),
)

N_JOINTS = len(JOINT_NAMES)

#: (parent, child) pairs, 20 of them, finger by finger.
BONES = tuple((0 if part == 0 else 4 * f + part, 4 * f + part + 1) for f in range(5) for part in range(4))

#: Index of the finger each joint belongs to, -1 for the wrist.
FINGER_OF_JOINT = (-1, *(f for f in range(5) for _ in range(4)))

#: RGB per finger, from the colour-blind safe palette of Okabe and Ito.
FINGER_COLOURS = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (204, 121, 167), (213, 94, 0))
WRIST_COLOUR = (240, 240, 240)

#: MANO joints in model order: the wrist and three per finger, tips excluded.
MANO_JOINT_NAMES = (
    "wrist",
    *(f"{finger}{k}" for finger in ("index", "middle", "little", "ring", "thumb") for k in (1, 2, 3)),
)
MANO_PARENTS = (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14)

#: Index of each of the 21 joints in (16 MANO joints + tips of thumb, index, middle, ring, little).
FROM_MANO = (0, 13, 14, 15, 16, 1, 2, 3, 17, 4, 5, 6, 18, 10, 11, 12, 19, 7, 8, 9, 20)

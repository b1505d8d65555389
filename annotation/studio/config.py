"""The labelling configuration: one control for the 21 joints, one for the state of each point.

Both controls label the same region, so that one key changes the state of a point, and a selection changes many. The
joint comes first in every region: it determines the colour, and the server allows each joint only once.
"""

from __future__ import annotations

from xml.etree import ElementTree

from hint.errors import InputError
from hint.skeleton import FINGER_COLOURS, FINGER_OF_JOINT, JOINT_NAMES

#: Names of the controls and of the picture, as in every result.
IMAGE, JOINT, STATE, STATUS, COMMENT = "image", "kp", "state", "hand_status", "comment"
#: The box an annotator draws to have points predicted anew; it is there while Auto-Annotation is on, and not a label.
BOX = "box"

VISIBLE, OCCLUDED, OUT_OF_FRAME = "visible", "occluded", "out_of_frame"
OK, UNUSABLE = "ok", "unusable"

#: Keys reserved by Label Studio: unselect, move tool, hand tool, key point tool, size of the brush.
RESERVED_KEYS = frozenset("uvhk[]")
JOINT_KEYS = tuple("1234567890qwertyasdfg")
STATE_KEYS = {VISIBLE: "z", OCCLUDED: "x", OUT_OF_FRAME: "c"}
STATUS_KEYS = {OK: "n", UNUSABLE: "m"}

_STATE_COLOURS = {VISIBLE: "#00c853", OCCLUDED: "#111111", OUT_OF_FRAME: "#ff00ff"}
#: The skeleton's near-white wrist would be invisible on skin and in the list.
_WRIST_COLOUR = "#8c8c8c"

GUIDELINES = """\
<h4>One hand, 21 points</h4>
<p>Label the hand in the middle, the one with the dots. The picture may be a part of a larger frame.</p>
<p>Put each point on the middle of the joint, inside the finger, not on the skin that faces the camera. Tips
are the ends of the fingers.</p>
<p><b>visible</b> (z): you see the surface of the hand where the joint is.</p>
<p><b>occluded</b> (x): the joint is in the frame, but an object, another hand or this hand hides it. Put the point
where it must be.</p>
<p><b>out_of_frame</b> (c): the joint is beyond the edge of the frame. Leave the point at the edge.</p>
<p>Click a point and press the key; v and a box drawn around them select several. 1 to 0, q to g add a joint that is
missing.</p>
<p><b>unusable</b> (m): no hand, the wrong side, or too blurred or small to place half of the points. Say
why.</p>
<p>Use "Label All Tasks" only. Never open what somebody else has labelled: you would see and change it.</p>
"""


def label_config() -> str:
    """Return the labelling configuration as XML."""
    joints = "\n".join(
        f'      <Label value="{name}" background="{_joint_colour(k)}" hotkey="{JOINT_KEYS[k]}"/>'
        for k, name in enumerate(JOINT_NAMES)
    )
    states = "\n".join(
        f'      <Label value="{name}" background="{_STATE_COLOURS[name]}" hotkey="{key}"/>'
        for name, key in STATE_KEYS.items()
    )
    choices = "".join(f'<Choice value="{name}" hotkey="{key}"/>' for name, key in STATUS_KEYS.items())
    return f"""\
<View style="display:flex">
  <View style="flex:1">
    <Image name="{IMAGE}" value="$image" zoom="true" zoomControl="true" brightnessControl="true"
           contrastControl="true" maxWidth="100%"/>
    <Rectangle name="{BOX}" toName="{IMAGE}" smart="true" smartOnly="true" canRotate="false"/>
  </View>
  <View style="width:270px;margin-left:1em">
    <Header value="State of the point: z / x / c" size="5"/>
    <KeyPointLabels name="{STATE}" toName="{IMAGE}" strokeWidth="5" opacity="0.9" smart="false">
{states}
    </KeyPointLabels>
    <Header value="Joint" size="5"/>
    <KeyPointLabels name="{JOINT}" toName="{IMAGE}" maxUsages="1" strokeWidth="5" opacity="0.9" smart="false">
{joints}
    </KeyPointLabels>
    <Header value="Whole hand" size="5"/>
    <Choices name="{STATUS}" toName="{IMAGE}" choice="single-radio" showInline="true">{choices}</Choices>
    <TextArea name="{COMMENT}" toName="{IMAGE}" rows="1" maxSubmissions="1" placeholder="comment"/>
  </View>
</View>
"""


def _joint_colour(joint: int) -> str:
    finger = FINGER_OF_JOINT[joint]
    return _WRIST_COLOUR if finger < 0 else "#{:02x}{:02x}{:02x}".format(*FINGER_COLOURS[finger])


def require_unchanged(config: str, project: str) -> None:
    """Refuse a project whose configuration is not the current one.

    Raises:
        InputError: If controls, labels or their attributes differ.
    """
    if _canonical(config) != _canonical(label_config()):
        raise InputError(
            f"the labelling configuration of project {project!r} was changed; restore it (hint studio config prints "
            "it, paste it into Settings > Labeling Interface) or use another project"
        )


def require_same_meaning(config: str, project: str) -> None:
    """Refuse a project whose labels cannot be read: colours, keys and layout may differ, names may not.

    Raises:
        InputError: If joints, states or choices were renamed.
    """
    if _names(config) != _names(label_config()):
        raise InputError(
            f"project {project!r}: joints, states or choices were renamed in its labelling configuration; restore it "
            "(hint studio config prints it), then pull"
        )


def _canonical(config: str) -> str:
    try:
        return ElementTree.canonicalize(config, strip_text=True)
    except ElementTree.ParseError:
        return ""


def _names(config: str) -> dict[str, frozenset[str]]:
    """Return control -> names of its labels or choices."""
    try:
        root = ElementTree.fromstring(config)
    except ElementTree.ParseError:
        return {}
    controls = [element for element in root.iter() if element.get("toName")]
    return {
        control.get("name", ""): frozenset(child.get("value", "") for child in control)
        for control in controls
        if control.get("name") in (JOINT, STATE, STATUS)
    }

"""The labelling configuration: the state of every point, and the joint it is.

The state is a general label. It creates no points by itself, its keys change whatever is selected, and it may be empty,
which means visible. As the first label of a region it determines how the point looks: hollow if there is a state, else
filled with the colour of the second label, the joint. Joints have no letter keys, because all 21 points are there from
the start, and a stray key would turn one joint into another.
"""

from __future__ import annotations

import hashlib
import re
from xml.etree import ElementTree

from hint.errors import InputError
from hint.skeleton import FINGER_COLOURS, FINGER_OF_JOINT, FINGERS, JOINT_NAMES

#: Names of the controls and of the picture, as in every result.
IMAGE, JOINT, STATE, STATUS, COMMENT = "image", "kp", "state", "hand_status", "comment"
#: Fields of a task's data that are shown: which hand it is, and what its points come from.
HAND, START = "hand", "start"
#: Class of what shows the latter.
START_CLASS = "hint-start"
#: The box an annotator draws to have points predicted anew; it is there while Auto-Annotation is on, and not a label.
BOX = "box"

VISIBLE, OCCLUDED, OUT_OF_FRAME = "visible", "occluded", "out_of_frame"
OK, UNUSABLE = "ok", "unusable"

#: Keys reserved by Label Studio: unselect, move tool, hand tool, key point tool, size of the brush.
RESERVED_KEYS = frozenset("uvhk[]")
#: The first is given by Label Studio, to the label that stands for no state.
STATE_KEYS = {VISIBLE: "1", OCCLUDED: "2", OUT_OF_FRAME: "3"}
STATUS_KEYS = {OK: "n", UNUSABLE: "m"}
_SIGNATURE = re.compile("<!-- hint ([0-9a-f]{16}) -->")
#: Label Studio gives a letter to every label without a key, so joints get combinations nobody types.
_JOINT_KEYS = tuple(f"ctrl+alt+shift+{letter}" for letter in "abcdefghijklmnopqrstu")

#: Ring of a point that is not visible; selected points get a red one.
_STATE_COLOURS = {OCCLUDED: "#1f3fff", OUT_OF_FRAME: "#ff00ff"}
#: The skeleton's near-white wrist would be invisible on skin and in the list.
_WRIST_COLOUR = "#8c8c8c"
#: The skeleton's vermilion would look like the red of the selection.
_LITTLE_COLOUR = "#f0e442"

GUIDELINES = """\
<h4>One hand, 21 points</h4>
<p>The heading says which hand: RIGHT or LEFT. Its box is marked by four yellow corners. Label no other hand, even if it
is closer or clearer.</p>
<p>Put each point on the middle of the joint, inside the finger, not on the skin that faces the camera. Tips
are the ends of the fingers.</p>
<p><b>visible</b> (1, a filled dot): you see the surface of the hand where the joint is.</p>
<p><b>occluded</b> (2, a ring): the joint is in the frame, but an object, another hand or this hand hides it. Put
the point where it must be.</p>
<p><b>out_of_frame</b> (3, magenta): the joint is beyond the edge of the frame. Leave the point at the edge.</p>
<p>Click a point and press the key; another click on it lets go of it. For a whole finger, double-click one of its
points, or draw a box around them, and press the key. Key j shows the names of all joints, Ctrl+Z takes the last change
back, Ctrl+Enter submits.</p>
<p>"Mean pose" in the heading: nobody predicted these points. Put every one of them where it belongs; a label with a
point that was left there is not accepted.</p>
<p>All 21 points are there from the start. If you deleted one, press Ctrl+Z, or click its name in the list of joints and
then the picture.</p>
<p><b>unusable</b> (m): no hand, the wrong side, or too blurred or small to place half of the points. Say why in the
comment. <b>ok</b> (n) takes it back; a good hand needs no mark.</p>
<p>Use "Label All Tasks" only. Never open what somebody else has labelled: you would see and change it.</p>
"""

#: Gives the label for no state a name, in the panel and in the list of regions, where it has its own grey; makes
#: joints small and hides their keys.
_STYLE = """
.hint-states .lsf-label_empty .lsf-label__text,
.lsf-labels-list [style*="102, 102, 102"] { font-size: 0 }
.hint-states .lsf-label_empty .lsf-label__text::after,
.lsf-labels-list [style*="102, 102, 102"]::after { content: "visible"; font-size: 14px }
.hint-joints .lsf-label { font-size: 11px; padding: 0 6px; height: 20px }
.hint-joints .lsf-label__hotkey { display: none }
"""


def label_config() -> str:
    """Return the labelling configuration as XML, signed so that a later hint can tell whether somebody changed it."""
    return signed(_controls())


def signed(config: str) -> str:
    """Return a configuration with the digest of its content."""
    return f"{config}<!-- hint {_digest(config)} -->\n"


def is_outdated(config: str) -> bool:
    """Tell whether a configuration is one that an earlier hint wrote and that the current one can replace."""
    return is_as_written(config) and fits_tasks(config) and _canonical(config) != _canonical(label_config())


def is_as_written(config: str) -> bool:
    """Tell whether a configuration is what some hint wrote."""
    found = _SIGNATURE.search(config)
    return found is not None and found[1] == _digest(config)


def _digest(config: str) -> str:
    return hashlib.sha256(_canonical(config).encode()).hexdigest()[:16]


def _controls() -> str:
    choices = "".join(f'<Choice value="{name}" hotkey="{key}"/>' for name, key in STATUS_KEYS.items())
    return f"""\
<View style="display:flex">
  <Style>{" ".join(_STYLE.split())}</Style>
  <View style="flex:1;min-width:0">
    <View style="display:flex;gap:1.5em;align-items:baseline;padding:0 0 4px 4px">
      <Header value="${HAND}" size="3" style="margin:0"/>
      <View className="{START_CLASS}"><Header value="${START}" size="5" style="margin:0;font-size:13px"/></View>
    </View>
    <Image name="{IMAGE}" value="$image" zoom="true" zoomControl="true" brightnessControl="true"
           contrastControl="true" maxWidth="100%"/>
    <Rectangle name="{BOX}" toName="{IMAGE}" smart="true" smartOnly="true" canRotate="false"/>
  </View>
  <View style="width:230px;margin-left:1em">
    <Header value="State of a point" size="5" style="margin:0"/>
    <View className="hint-states">
      <Labels name="{STATE}" toName="{IMAGE}" allowEmpty="true" smart="false" strokeWidth="2" opacity="0">
{_state_labels()}
      </Labels>
    </View>
    <Header value="Whole hand" size="5" style="margin:8px 0 0"/>
    <Choices name="{STATUS}" toName="{IMAGE}" choice="single-radio" showInline="true">{choices}</Choices>
    <TextArea name="{COMMENT}" toName="{IMAGE}" rows="1" maxSubmissions="1" placeholder="comment"/>
    <View className="hint-joints" visibleWhen="no-region-selected">
      <Header value="Joints" size="5" style="margin:8px 0 0"/>
      <Header value="One was deleted? Click its name, then the picture." size="5"
              style="margin:0;font-size:12px;line-height:1.3"/>
      <KeyPointLabels name="{JOINT}" toName="{IMAGE}" maxUsages="1" smart="false" strokeWidth="2" opacity="0.9">
{_joint_labels()}
      </KeyPointLabels>
    </View>
  </View>
</View>
"""


def _state_labels() -> str:
    return "\n".join(
        f'      <Label value="{name}" background="{_STATE_COLOURS[name]}" hotkey="{STATE_KEYS[name]}"/>'
        for name in _STATE_COLOURS
    )


def _joint_labels() -> str:
    return "\n".join(
        f'        <Label value="{name}" background="{joint_colour(k)}" hotkey="{_JOINT_KEYS[k]}"/>'
        for k, name in enumerate(JOINT_NAMES)
    )


def joint_colour(joint: int) -> str:
    """Return the colour of a joint, "#rrggbb"."""
    finger = FINGER_OF_JOINT[joint]
    if finger < 0:
        return _WRIST_COLOUR
    return _LITTLE_COLOUR if FINGERS[finger] == "little" else "#{:02x}{:02x}{:02x}".format(*FINGER_COLOURS[finger])


def require_unchanged(config: str, project: str) -> None:
    """Refuse a project whose configuration is not the current one.

    Raises:
        InputError: If controls, labels or their attributes differ.
    """
    if _canonical(config) == _canonical(label_config()):
        return
    if _names(config) == _names(label_config()) and not fits_tasks(config):
        raise InputError(
            f"the labelling page of project {project!r} is that of an earlier hint, and its tasks fit no other; label "
            "and pull it as it is, and push hands that are not in it into another project"
        )
    raise InputError(
        f"the labelling configuration of project {project!r} was changed; restore it (hint studio config prints "
        "it, paste it into Settings > Labeling Interface) or use another project"
    )


def fits_tasks(config: str) -> bool:
    """Tell whether tasks and labels made with a configuration fit the current one: same controls, kinds and labels."""
    return _kinds(config) == _kinds(label_config())


def has_same_meaning(config: str) -> bool:
    """Return whether labels made with a configuration can be read; colours, keys and layout may differ."""
    return _names(config) == _names(label_config())


def require_same_meaning(config: str, project: str) -> None:
    """Refuse a project whose labels cannot be read.

    Raises:
        InputError: If joints, states or choices were renamed.
    """
    if not has_same_meaning(config):
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
    """Return control -> names of its labels or choices; visible is none, but was one in pages of an earlier hint."""
    return {name: labels - {VISIBLE} for name, (_, labels) in _kinds(config).items()}


def _kinds(config: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Return control -> its kind, and the names of its labels or choices."""
    try:
        root = ElementTree.fromstring(config)
    except ElementTree.ParseError:
        return {}
    controls = {element.get("name", ""): element for element in root.iter() if element.get("toName")}
    return {
        name: (controls[name].tag, frozenset(child.get("value", "") for child in controls[name]))
        for name in (JOINT, STATE, STATUS)
        if name in controls
    }

// Draws bones, joints and their names over the picture. It reads the points of the annotation that is open, at every
// frame of the screen, and changes none of them. A double click selects all points of a finger, j shows all names.
// Points that are still where the mean pose put them are pale, and the heading counts them.
(hand) => {
  const SVG = "http://www.w3.org/2000/svg";
  const DARK = "#000000";
  const OUT = "#ff00ff";
  const NEAR = 10; // px from a point that count as the point
  let allNames = false;
  let pointer = null;

  // Dragging works with every tool, drawing a box around several points only with this one.
  const toolKey = `selected-tool:${hand.image}`;
  if (!localStorage.getItem(toolKey)) localStorage.setItem(toolKey, "MoveTool");

  const annotation = () => window.Htx?.annotationStore?.selected;
  const value = (region, control) => {
    const result = region.results.find((one) => one.from_name.name === control);
    return result?.mainValue?.[0];
  };

  // The shape knows where it is while it is dragged; points outside a zoomed view have none.
  const position = (region, stage) => {
    if (region.shapeRef?.getStage?.() === stage) return region.shapeRef.getAbsolutePosition();
    const { scaleX, scaleY, x, y } = region.parent.layerZoomScalePosition;
    return { x: region.canvasX * scaleX + x, y: region.canvasY * scaleY + y };
  };

  // Where the mean pose shows its points, percent; nothing if there was a prediction from the start.
  const meanPose = () => {
    const task = window.Htx?.task?.dataObj?.hint;
    if (!task?.mean_pose || task.guess) return undefined;
    const [left, top, width, height] = task.crop;
    const percent = (place, origin, length) => {
      const shown = ((place - origin) * 100) / length;
      return shown < 0 || shown > 100 ? Math.min(Math.max(shown, hand.edge), 100 - hand.edge) : shown;
    };
    return task.mean_pose.map(([x, y]) => [percent(x, left, width), percent(y, top, height)]);
  };

  const isUnplaced = (region, mean, state) =>
    Boolean(mean) && state !== hand.outOfFrame && Math.hypot(region.x - mean[0], region.y - mean[1]) < 1e-6;

  const points = (stage) => {
    const found = [];
    const mean = meanPose();
    for (const region of annotation()?.regionStore?.regions ?? []) {
      const joint = hand.joints.indexOf(value(region, hand.joint));
      if (joint < 0 || region.hidden || !region.parent) continue;
      const { x, y } = position(region, stage);
      const state = value(region, hand.state);
      const pale = isUnplaced(region, mean?.[joint], state);
      found.push({ region, joint, x, y, state, pale, selected: region.inSelection });
    }
    return found;
  };

  const closest = (all) => {
    if (!pointer) return undefined;
    const far = (point) => Math.hypot(point.x - pointer.x, point.y - pointer.y);
    const best = all.reduce((a, b) => (a && far(a) <= far(b) ? a : b), undefined);
    return best && far(best) <= NEAR ? best : undefined;
  };

  const add = (parent, name, attributes, text) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, setting] of Object.entries(attributes)) element.setAttribute(key, setting);
    if (text) element.textContent = text;
    parent.append(element);
  };

  const line = (svg, from, to, colour) => {
    const ends = { x1: from.x, y1: from.y, x2: to.x, y2: to.y };
    const dashes = to.state || from.state ? { "stroke-dasharray": "3 4" } : {};
    const opacity = to.pale || from.pale ? 0.3 : 0.9;
    add(svg, "line", { ...ends, ...dashes, stroke: DARK, "stroke-width": 3, opacity: 0.4 * opacity });
    add(svg, "line", { ...ends, ...dashes, stroke: colour, "stroke-width": 1.5, opacity });
  };

  const ring = (svg, { x, y }, radius, colour, width, fill = "none") =>
    add(svg, "circle", { cx: x, cy: y, r: radius, stroke: colour, "stroke-width": width, fill });

  const cross = (svg, { x, y }) => {
    for (const [colour, width] of [[DARK, 4], [OUT, 2]]) {
      const d = `M${x - 4} ${y - 4}L${x + 4} ${y + 4}M${x - 4} ${y + 4}L${x + 4} ${y - 4}`;
      add(svg, "path", { d, stroke: colour, "stroke-width": width, fill: "none" });
    }
  };

  const mark = (svg, point) => {
    const colour = hand.colours[point.joint];
    if (point.selected) {
      ring(svg, point, 9, DARK, 4);
      ring(svg, point, 9, "#ffffff", 2);
    }
    if (point.state === hand.outOfFrame) cross(svg, point);
    else if (point.state === hand.occluded) {
      ring(svg, point, 4.5, DARK, 4);
      ring(svg, point, 4.5, colour, 2);
    } else ring(svg, point, 4, DARK, 1, colour);
    if (point.pale) svg.lastChild.setAttribute("opacity", 0.45);
  };

  // The heading of a task without predictions says how many points nobody has placed yet.
  const count = (all) => {
    const place = document.querySelector(`.${hand.start}`);
    if (!place) return;
    const left = all.filter((point) => point.pale).length;
    const text = !meanPose() || !all.length ? ""
      : left ? `MEAN POSE, not a prediction: ${left} of 21 points to place`
      : "all points were placed, or predicted";
    let own = place.querySelector("b");
    if (!own) {
      own = document.createElement("b");
      own.style.fontSize = "13px";
      place.append(own);
    }
    if (own.textContent === text) return;
    own.textContent = text;
    place.firstElementChild.style.display = text ? "none" : "";
  };

  const nameOf = (point, near, isNamed) => {
    if (allNames || point === near || isNamed) return hand.joints[point.joint].replace("_", " ");
    const finger = hand.fingers[point.joint];
    return hand.fingers[point.joint + 1] === finger ? "" : finger || hand.joints[point.joint];
  };

  const write = (svg, point, text) =>
    add(svg, "text", {
      x: point.x + 8, y: point.y - 6, fill: hand.colours[point.joint], stroke: DARK, "stroke-width": 3,
      "paint-order": "stroke", "font-size": 11, "font-family": "sans-serif", "font-weight": 600,
    }, text);

  const canvasFor = (stage) => {
    let svg = stage.content.querySelector("svg.hint-drawing");
    if (!svg) {
      svg = document.createElementNS(SVG, "svg");
      svg.setAttribute("class", "hint-drawing");
      svg.style.cssText = "position:absolute;inset:0;width:100%;height:100%;pointer-events:none;z-index:1";
      stage.content.append(svg);
      const track = (event) => {
        const box = stage.content.getBoundingClientRect();
        pointer = { x: event.clientX - box.left, y: event.clientY - box.top };
      };
      stage.content.addEventListener("mousemove", track);
      stage.content.addEventListener("mouseleave", () => (pointer = null));
      stage.content.addEventListener("dblclick", () => selectFinger(stage));
    }
    return svg;
  };

  const selectFinger = (stage) => {
    const all = points(stage);
    const near = closest(all);
    if (!near) return;
    const same = all.filter((point) => hand.fingers[point.joint] === hand.fingers[near.joint]);
    annotation().selectAreas(same.map((point) => point.region));
  };

  let last = "";
  const draw = () => {
    requestAnimationFrame(draw);
    const stage = annotation()?.names?.get(hand.image)?.stageRef;
    if (!stage?.content) return;
    const svg = canvasFor(stage);
    const all = points(stage);
    count(all);
    const near = closest(all);
    const seen = JSON.stringify([allNames, near?.joint, all.map(({ region, ...rest }) => rest)]);
    if (seen === last && svg.childNodes.length) return;
    last = seen;
    svg.replaceChildren();
    for (const [from, to] of hand.bones) {
      const ends = [from, to].map((joint) => all.find((point) => point.joint === joint));
      if (ends[0] && ends[1]) line(svg, ends[0], ends[1], hand.colours[to]);
    }
    for (const point of all) mark(svg, point);
    const few = all.filter((point) => point.selected).length <= 4;
    for (const point of all) write(svg, point, nameOf(point, near, point.selected && few));
  };

  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) || event.target.isContentEditable;
    if (event.key === "j" && !typing && !event.ctrlKey && !event.altKey && !event.metaKey) allNames = !allNames;
  });
  draw();
}

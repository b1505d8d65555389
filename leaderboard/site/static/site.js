// Sorting, filtering, saving plots and the dark mode. Without this file everything is still there to read.
"use strict";

const root = document.documentElement;
root.classList.add("js");

function remember(key, value) {
  try { localStorage.setItem(key, value); } catch { /* a page opened from disk may not store */ }
}

function recall(key) {
  try { return localStorage.getItem(key); } catch { return null; }
}

function isDark() {
  const chosen = root.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function addThemeButton() {
  const button = document.createElement("button");
  button.type = "button";
  button.id = "theme";
  const label = () => { button.textContent = isDark() ? "Light" : "Dark"; };
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remember("theme", root.dataset.theme);
    label();
  });
  label();
  document.querySelector(".top").append(button);
}

function sortKey(row, column) {
  const cell = row.children[column];
  if (cell.dataset.value === undefined) return row.dataset.name;
  return cell.dataset.value === "" ? null : Number(cell.dataset.value);
}

// Rows without a value stay last either way; bands stay apart.
function sortTable(table, column, ascending) {
  for (const body of table.tBodies) {
    const rows = [...body.rows].filter((row) => !row.classList.contains("bandrow"));
    const keyed = rows.map((row) => [sortKey(row, column), row]);
    keyed.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      const order = typeof a === "string" ? a.localeCompare(b) : a - b;
      return ascending ? order : -order;
    });
    body.append(...keyed.map(([, row]) => row));
  }
}

function headingsOf(table) {
  return [...table.tHead.rows[table.tHead.rows.length - 1].cells];
}

function addSorting(table) {
  const headings = headingsOf(table);
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const before = heading.getAttribute("aria-sort");
      const ascending = before ? before === "descending" : heading.dataset.sort !== "high";
      sortBy(table, column, ascending);
      keepInAddress({ sort: `${tables.indexOf(table)}.${column}.${ascending ? "up" : "down"}` });
    });
  });
}

function sortBy(table, column, ascending) {
  headingsOf(table).forEach((heading) => heading.removeAttribute("aria-sort"));
  headingsOf(table)[column].setAttribute("aria-sort", ascending ? "ascending" : "descending");
  sortTable(table, column, ascending);
}

function isShown(row, body, wanted) {
  return row.dataset.name.includes((wanted.text || "").trim().toLowerCase())
    && !(wanted.clean && "hint" in row.dataset)
    && !(wanted.own && body.classList.contains("reported"));
}

function filter(form) {
  const wanted = Object.fromEntries(new FormData(form));
  let shown = 0, all = 0;
  for (const block of document.querySelectorAll(".block[data-joints]")) {
    block.hidden = Boolean(wanted.joints) && block.dataset.joints !== wanted.joints;
  }
  for (const table of tables) {
    for (const cell of table.querySelectorAll("[data-threshold]")) {
      const of = cell.dataset.threshold;
      cell.hidden = Boolean(wanted.threshold) && of !== "" && of !== wanted.threshold;
    }
    const away = table.closest("[hidden]") !== null;
    for (const body of table.tBodies) {
      const rows = [...body.rows].filter((row) => !row.classList.contains("bandrow"));
      for (const row of rows) {
        row.hidden = !isShown(row, body, wanted);
        all += 1;
        shown += !row.hidden && !away;
      }
      body.hidden = rows.every((row) => row.hidden);
    }
  }
  document.getElementById("shown").textContent = `${shown} of ${all} rows`;
}

// The part of the address behind # holds filters and sorting, so that a view can be shared; it works from disk too.
function address() {
  const text = location.hash.slice(1);
  return new URLSearchParams(text.includes("=") ? text : "");
}

function keepInAddress(values) {
  const kept = address();
  for (const [key, value] of Object.entries(values)) {
    if (value) kept.set(key, value);
    else kept.delete(key);
  }
  history.replaceState(null, "", `#${kept}`);
}

function restore(form) {
  const kept = address();
  for (const field of form.elements) {
    if (field.type === "checkbox") field.checked = kept.has(field.name);
    else if (field.name && kept.has(field.name)) field.value = kept.get(field.name);
    if (field.tagName === "SELECT" && field.selectedIndex < 0) field.value = "";
  }
  const [table, column, way] = (kept.get("sort") || "").split(".");
  if (way && tables[table] && headingsOf(tables[table])[column]) sortBy(tables[table], column, way === "up");
  filter(form);
}

function addFilters(form) {
  form.hidden = false;
  const change = () => {
    filter(form);
    const names = [...form.elements].map((field) => field.name).filter(Boolean);
    const wanted = Object.fromEntries(new FormData(form));
    keepInAddress(Object.fromEntries(names.map((name) => [name, wanted[name]])));
  };
  for (const kind of ["input", "change"]) form.addEventListener(kind, change);
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", () => restore(form));
  restore(form);
}

// A drawing that looks the same outside the page: colours and fonts are written into each element.
function standalone(svg) {
  const copy = svg.cloneNode(true);
  const [from, to] = [svg, copy].map((root) => [root, ...root.querySelectorAll("*")]);
  from.forEach((element, k) => {
    const style = getComputedStyle(element);
    for (const name of ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-size", "font-family"]) {
      to[k].style.setProperty(name, style.getPropertyValue(name));
    }
  });
  const box = svg.viewBox.baseVal;
  const paper = document.createElementNS(svg.namespaceURI, "rect");
  for (const [name, value] of Object.entries({ width: box.width, height: box.height, fill: getComputedStyle(document.body).backgroundColor })) {
    paper.setAttribute(name, value);
  }
  copy.prepend(paper);
  copy.setAttribute("width", box.width);
  copy.setAttribute("height", box.height);
  return new XMLSerializer().serializeToString(copy);
}

function save(address, name) {
  const link = document.createElement("a");
  [link.href, link.download] = [address, name];
  link.click();
}

function savePng(text, box, name) {
  const picture = new Image();
  picture.addEventListener("load", () => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [3 * box.width, 3 * box.height];
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    save(canvas.toDataURL("image/png"), name);
  });
  picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
}

function addDownload(svg, k) {
  const page = location.pathname.split("/").pop().replace(/\.html$/, "");
  const buttons = document.createElement("div");
  buttons.className = "save";
  for (const kind of ["SVG", "PNG"]) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = kind;
    button.setAttribute("aria-label", `Download as ${kind}: ${svg.getAttribute("aria-label").split(":")[0]}`);
    button.addEventListener("click", () => {
      const text = standalone(svg);
      const name = `${page}-${k + 1}.${kind.toLowerCase()}`;
      if (kind === "PNG") savePng(text, svg.viewBox.baseVal, name);
      else save(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`, name);
    });
    buttons.append(button);
  }
  svg.closest("figure").append(buttons);
}

function addPairForm(form) {
  form.hidden = false;
  const links = new Set([...document.querySelectorAll(".pairs td a")].map((link) => link.href));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const [a, b] = [form.elements.a.value, form.elements.b.value];
    const found = [`${a}--${b}.html`, `${b}--${a}.html`].map((name) => new URL(name, location.href).href)
      .find((address) => links.has(address));
    if (found) location.href = found;
    else document.getElementById("pairstatus").textContent = a === b ? "Choose two methods." : "There is no page of this pair.";
  });
}

const stored = recall("theme");
if (stored === "light" || stored === "dark") root.dataset.theme = stored;
addThemeButton();
const tables = [...document.querySelectorAll(".scores")];
tables.forEach(addSorting);
document.querySelectorAll("figure svg").forEach(addDownload);
const filters = document.getElementById("filters");
if (filters) addFilters(filters);
const pair = document.getElementById("pair");
if (pair) addPairForm(pair);

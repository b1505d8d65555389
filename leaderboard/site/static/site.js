// Sorting, filtering and the dark mode. Without this file everything is still there to read.
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

function addSorting(table) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const before = heading.getAttribute("aria-sort");
      const ascending = before ? before === "descending" : heading.dataset.sort !== "high";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      sortTable(table, column, ascending);
    });
  });
}

function filter(form) {
  const wanted = Object.fromEntries(new FormData(form));
  const text = (wanted.text || "").trim().toLowerCase();
  let shown = 0, all = 0;
  for (const block of document.querySelectorAll(".block")) {
    block.hidden = Boolean(wanted.subset) && block.dataset.subset !== wanted.subset;
    for (const table of block.querySelectorAll(".scores")) {
      const away = Boolean(wanted.visibility) && table.dataset.visibility !== wanted.visibility;
      table.parentElement.hidden = away;
      for (const cell of table.querySelectorAll("[data-threshold]")) {
        const of = cell.dataset.threshold;
        cell.hidden = Boolean(wanted.threshold) && of !== "" && of !== wanted.threshold;
      }
      for (const body of table.tBodies) {
        const rows = [...body.rows].filter((row) => !row.classList.contains("bandrow"));
        for (const row of rows) {
          row.hidden = !row.dataset.name.includes(text)
            || (Boolean(wanted.clean) && "hint" in row.dataset)
            || (Boolean(wanted.own) && body.classList.contains("reported"));
          all += 1;
          shown += !row.hidden && !away && !block.hidden;
        }
        body.hidden = rows.every((row) => row.hidden);
      }
    }
  }
  document.getElementById("shown").textContent = `${shown} of ${all} rows`;
}

function addPairForm(form) {
  form.hidden = false;
  const links = new Set([...document.querySelectorAll(".pairs a")].map((link) => link.href));
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
document.querySelectorAll(".scores").forEach(addSorting);
const filters = document.getElementById("filters");
if (filters) {
  filters.hidden = false;
  for (const kind of ["input", "change"]) filters.addEventListener(kind, () => filter(filters));
  filters.addEventListener("submit", (event) => event.preventDefault());
  filter(filters);
}
const pair = document.getElementById("pair");
if (pair) addPairForm(pair);

"use strict";
(() => {
  const SHOWN = 20;
  const tasks = JSON.parse(document.getElementById("items").textContent);
  const box = document.getElementById("browser");
  const [chooser, search, list] = ["chooser", "search", "list"].map((id) => document.getElementById(id));
  const [kinds, place, back, on] = ["kinds", "place", "back", "on"].map((id) => document.getElementById(id));
  const state = { task: 0, kind: 0, page: 0 };
  let found = [];

  const make = (tag, text, name) => {
    const node = document.createElement(tag);
    node.textContent = text;
    if (name) node.className = name;
    return node;
  };

  const digits = (value) => String(Math.round(value * 1e4) / 1e4);

  const side = (title, text) => {
    const node = make("div", "", "say");
    node.append(make("b", title), document.createTextNode(text));
    return node;
  };

  const item = ([id, kind, before, after, question, left, right, reference]) => {
    const task = tasks[state.task];
    const node = make("article", "", "item");
    const figures = task.words ? task.kinds[kind] : `${digits(before)} → ${digits(after)}`;
    node.append(make("h3", question), make("p", `${figures} · ${id}`, "soft"));
    if (left || right) {
      const pair = make("div", "", "pair");
      pair.append(side("before", left), side("after", right));
      node.append(pair);
    }
    if (reference) node.append(side("reference", reference));
    return node;
  };

  const draw = () => {
    const pages = Math.max(1, Math.ceil(found.length / SHOWN));
    state.page = Math.min(state.page, pages - 1);
    const start = state.page * SHOWN;
    const shown = found.slice(start, start + SHOWN);
    list.replaceChildren(...shown.map(item));
    place.textContent = found.length ? `${start + 1}–${start + shown.length} of ${found.length}` : "none";
    back.disabled = state.page === 0;
    on.disabled = state.page >= pages - 1;
  };

  const look = () => {
    const wanted = search.value.trim().toLowerCase();
    const own = tasks[state.task].rows.filter((row) => row[1] === state.kind);
    found = wanted ? own.filter((row) => [row[0], ...row.slice(4)].some((text) => text.toLowerCase().includes(wanted))) : own;
    state.page = 0;
    draw();
  };

  const choose = (task, kind) => {
    Object.assign(state, { task, kind });
    kinds.replaceChildren(...tasks[task].kinds.map((name, number) => {
      const button = make("button", `${name} (${tasks[task].counts[number]})`);
      button.type = "button";
      button.setAttribute("aria-pressed", String(number === kind));
      button.addEventListener("click", () => choose(task, number));
      return button;
    }));
    look();
  };

  const turn = (step) => { state.page += step; draw(); box.scrollIntoView(); };
  const first = (task) => choose(task, Math.max(0, tasks[task].counts.findIndex((count) => count > 0)));
  tasks.forEach((task, number) => {
    const option = make("option", `${task.task}: ${task.title}`);
    option.value = number;
    chooser.append(option);
  });
  chooser.addEventListener("change", () => first(Number(chooser.value)));
  search.addEventListener("input", look);
  back.addEventListener("click", () => turn(-1));
  on.addEventListener("click", () => turn(1));
  box.hidden = false;
  first(0);
})();

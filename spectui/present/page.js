"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const lanes = data.lanes.map((lane, index) => {
    const section = document.querySelectorAll(".lane")[index];
    const tokens = [...section.querySelectorAll(".t")];
    return { ...lane, tokens, numbers: section.querySelector(".numbers"), shown: tokens.length, new: [] };
  });
  const order = lanes.flatMap((lane, which) => lane.moments.map((moment, index) => ({ which, index, t: moment.t })));
  order.sort((a, b) => a.t - b.t || a.index - b.index || a.which - b.which);
  let place = order.length, clock = data.length, speed = 1, playing = false, pinned = null, last = 0;

  const momentOf = (entry) => lanes[entry.which].moments[entry.index];
  const make = (name, text, kind) => {
    const made = document.createElement(name);
    made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };

  /* A node without an alternative stands straight below the one before it. */
  function tree(nodes) {
    const children = new Map(), roots = make("ul", ""), lists = new Map([[-1, roots]]);
    nodes.forEach(([, parent]) => children.set(parent, (children.get(parent) ?? 0) + 1));
    nodes.forEach(([text, parent, fate, chance, source], index) => {
      const item = make("li", "");
      item.append(make("code", `${data.marks[fate]} ${JSON.stringify(text)}`, fate));
      const words = [fate, chance === null ? "" : `${Math.round(chance * 100)} %`, source].filter(Boolean).join(" · ");
      item.append(make("span", ` ${words}`, "small"));
      lists.get(parent).append(item);
      lists.set(index, lists.get(parent));
      if (children.get(index) > 1) {
        lists.set(index, make("ul", ""));
        item.append(lists.get(index));
      }
    });
    return roots;
  }

  function panel(entry) {
    const step = entry === null ? null : momentOf(entry);
    $("which").textContent = step === null ? "Before the first token" : step.title;
    $("said").textContent = step === null ? "" : step.said;
    $("cost").textContent = step === null ? "" : step.cost;
    $("tree").replaceChildren(step === null ? "" : tree(step.nodes));
  }

  function show() {
    const counts = lanes.map(() => 0);
    for (let index = 0; index < place; index++) counts[order[index].which]++;
    lanes.forEach((lane, which) => {
      const at = counts[which], moment = at ? lane.moments[at - 1] : null, shown = moment ? moment.n : 0;
      for (let index = Math.min(shown, lane.shown); index < Math.max(shown, lane.shown); index++) {
        lane.tokens[index].hidden = index >= shown;
      }
      lane.shown = shown;
      lane.numbers.textContent = moment ? moment.line : "–";
      lane.new.forEach((token) => token.classList.remove("now"));
      lane.new = place < order.length ? lane.tokens.slice(at > 1 ? lane.moments[at - 2].n : 0, shown) : [];
      lane.new.forEach((token) => token.classList.add("now"));
    });
    panel(pinned ?? (place ? order[place - 1] : null));
    $("time").value = clock;
    const words = `${clock.toFixed(0)} of ${data.length.toFixed(0)} ms, ${place} of ${order.length} steps`;
    $("time").setAttribute("aria-valuetext", words);
    $("where").textContent = words;
    $("play").textContent = playing ? "Pause" : "Play";
  }

  function tick(now) {
    if (!playing) return;
    clock = Math.min(data.length, clock + (now - last) * speed);
    last = now;
    while (place < order.length && order[place].t <= clock) place++;
    playing = clock < data.length;
    show();
    if (playing) requestAnimationFrame(tick);
  }

  function play() {
    playing = !playing;
    pinned = null;
    if (playing && place >= order.length) [place, clock] = [0, 0];
    last = performance.now();
    show();
    if (playing) requestAnimationFrame(tick);
  }

  function go(to) {
    playing = false;
    pinned = null;
    place = Math.max(0, Math.min(order.length, to));
    clock = place ? order[place - 1].t : 0;
    show();
    $("told").textContent = place ? `${momentOf(order[place - 1]).title}: ${momentOf(order[place - 1]).said}` : "";
  }

  function seek(to) {
    playing = false;
    pinned = null;
    clock = to;
    place = order.filter((entry) => entry.t <= clock).length;
    show();
  }

  function pointed(target) {
    const token = target.closest?.(".t");
    if (!token) return null;
    for (let which = 0; which < lanes.length; which++) {
      const at = lanes[which].tokens.indexOf(token);
      const index = at < 0 ? -1 : lanes[which].moments.findIndex((moment) => at < moment.n);
      if (index >= 0) return { which, index };
    }
    return null;
  }

  const speeds = [...$("speed").options].map((option) => Number(option.value));
  function faster(by) {
    $("speed").selectedIndex = Math.max(0, Math.min(speeds.length - 1, $("speed").selectedIndex + by));
    speed = speeds[$("speed").selectedIndex];
  }

  $("play").addEventListener("click", play);
  $("first").addEventListener("click", () => go(0));
  $("back").addEventListener("click", () => go(place - 1));
  $("on").addEventListener("click", () => go(place + 1));
  $("end").addEventListener("click", () => go(order.length));
  $("time").addEventListener("input", () => seek(Number($("time").value)));
  $("speed").addEventListener("change", () => faster(0));
  $("marks").addEventListener("change", () => document.body.classList.toggle("plain", !$("marks").checked));
  $("lost").addEventListener("change", () => document.body.classList.toggle("short", !$("lost").checked));
  document.querySelector(".lanes").addEventListener("mouseover", (event) => {
    const entry = playing ? null : pointed(event.target);
    if (entry) panel(entry);
  });
  document.querySelector(".lanes").addEventListener("mouseleave", () => panel(pinned ?? (place ? order[place - 1] : null)));
  document.querySelector(".lanes").addEventListener("click", (event) => {
    pinned = pointed(event.target);
    playing = false;
    show();
  });
  const keys = {
    " ": play, ArrowLeft: () => go(place - 1), ",": () => go(place - 1), ArrowRight: () => go(place + 1),
    ".": () => go(place + 1), Home: () => go(0), End: () => go(order.length), "+": () => faster(1), "-": () => faster(-1),
  };
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("button, select, input");
    if (event.ctrlKey || event.altKey || event.metaKey || typing || !(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  });
  /* On paper stands all of it. */
  let before = null;
  window.addEventListener("beforeprint", () => {
    before = [place, clock];
    [place, clock] = [order.length, data.length];
    show();
  });
  window.addEventListener("afterprint", () => {
    if (before) [place, clock] = before;
    show();
  });
  $("time").max = data.length;
  document.querySelector(".controls").hidden = false;
  $("step").hidden = false;
  show();
})();

"use strict";
document.documentElement.classList.add("js");
const one = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// before and after
const compare = one("#compare");
if (compare) {
  const slider = one("input", compare);
  const slide = () => compare.style.setProperty("--at", slider.value + "%");
  slider.addEventListener("input", slide);
  slide();
  for (const select of all(".choose select")) {
    select.addEventListener("change", () => {
      const use = one(`.${select.dataset.side} use`, compare);
      const stored = document.getElementById("p-" + select.value);
      if (!use || !stored) return;
      use.setAttribute("href", "#" + stored.id);
      use.ownerSVGElement.setAttribute("viewBox", `0 0 ${stored.getAttribute("width")} ${stored.getAttribute("height")}`);
    });
  }
}

// find
const find = one("#find"), found = one("#found"), steps = all(".step"), rounds = all(".round");
const texts = new Map();
const text = (element) => {
  if (!texts.has(element)) texts.set(element, element.textContent.toLowerCase());
  return texts.get(element);
};
// What is found is opened, and marked without touching the page itself; what a search opened, the next one closes.
const reveal = (wanted) => {
  for (const call of all("details[data-found]")) { call.open = false; delete call.dataset.found; }
  const ranges = [];
  for (const step of wanted ? steps.filter((step) => !step.classList.contains("missed")) : []) {
    const walker = document.createTreeWalker(step, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode, words = node.data.toLowerCase();
      for (let at = words.indexOf(wanted); at >= 0; at = words.indexOf(wanted, at + wanted.length)) {
        const range = new Range();
        range.setStart(node, at);
        range.setEnd(node, at + wanted.length);
        ranges.push(range);
        const call = node.parentElement.closest("details:not([open])");
        if (call && !node.parentElement.closest("summary")) { call.open = true; call.dataset.found = ""; }
      }
    }
  }
  if (globalThis.CSS?.highlights) CSS.highlights.set("found", new Highlight(...ranges));
};
find.addEventListener("input", () => {
  const wanted = find.value.trim().toLowerCase();
  let hits = 0;
  for (const step of steps) {
    const miss = Boolean(wanted) && !text(step).includes(wanted);
    step.classList.toggle("missed", miss);
    if (wanted && !miss) hits += 1;
  }
  for (const round of rounds) round.classList.toggle("missed", Boolean(wanted) && !one(".step:not(.missed)", round));
  reveal(wanted);
  found.value = wanted ? `${hits} of ${steps.length} steps` : "";
});

// keys
const go = (by) => {
  const visible = rounds.filter((round) => round.checkVisibility());
  const inView = (round) => round.getBoundingClientRect().top < innerHeight && round.getBoundingClientRect().bottom > 0;
  const focused = visible.indexOf(document.activeElement.closest(".round"));
  const at = focused >= 0 && inView(visible[focused])
    ? focused
    : visible.findLastIndex((round) => round.getBoundingClientRect().top <= 90);
  const next = visible[Math.min(Math.max(at + by, 0), visible.length - 1)];
  if (!next) return;
  next.scrollIntoView({ behavior: "instant" }); // keys may come faster than a slow scroll ends
  next.focus({ preventScroll: true });
};
const flip = (id) => one(id).click();
const openAll = () => {
  const calls = all("details");
  const open = calls.some((call) => !call.open);
  for (const call of calls) call.open = open;
};
const keys = {
  j: () => go(1), k: () => go(-1), e: openAll, "/": () => find.focus(),
  o: () => flip("#layer-objects"), v: () => flip("#layer-verdict"), s: () => flip("#layer-masks"), m: () => flip("#layer-region"),
  c: () => flip("#layer-changed"), f: () => flip("#only-failures"),
};
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target === find) {
    find.value = "";
    find.dispatchEvent(new Event("input"));
    find.blur();
    return;
  }
  const typing = event.target.matches("input[type=search], select");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});

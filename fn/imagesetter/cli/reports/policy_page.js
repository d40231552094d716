"use strict";
const policies = [...document.querySelectorAll("#policies > details")];
const texts = policies.map((policy) => policy.textContent.toLowerCase());
const search = document.getElementById("search");
const buttons = [...document.querySelectorAll("#filter button")];
let state = "";

function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  policies.forEach((policy, number) => {
    const fits = (!state || policy.dataset.state === state) && words.every((word) => texts[number].includes(word));
    policy.hidden = !fits;
    found += fits;
  });
  document.getElementById("found").textContent = state || words.length ? `${found} of ${policies.length}` : "";
  document.getElementById("none").hidden = found > 0 || !policies.length;
}

for (const button of buttons) {
  button.addEventListener("click", () => {
    state = button.dataset.state;
    buttons.forEach((each) => each.setAttribute("aria-pressed", String(each === button)));
    filter();
  });
}
search.addEventListener("input", filter);
document.getElementById("filter").addEventListener("submit", (event) => event.preventDefault());
document.getElementById("filter").hidden = false;

// On paper, what is shown is shown whole.
let closed = [];
addEventListener("beforeprint", () => {
  closed = policies.filter((policy) => !policy.open && !policy.hidden);
  closed.forEach((policy) => (policy.open = true));
});
addEventListener("afterprint", () => closed.forEach((policy) => (policy.open = false)));

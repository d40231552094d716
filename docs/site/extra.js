// The theme gives its search dialog no name for screen readers.
document.querySelector(".md-search")?.setAttribute("aria-label", "Search");

// What is wider than a phone can be scrolled with the keyboard, too. The theme wraps tables after the page has loaded.
addEventListener("load", () => {
  setTimeout(() => {
    const wide = 'p:has(> img[src$=".svg"]), .md-typeset__scrollwrap, .language-text code';
    for (const each of document.querySelectorAll(wide)) each.tabIndex = 0;
  });
});

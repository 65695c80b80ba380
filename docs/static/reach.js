// Parts of a page that scroll sideways take the focus of a keyboard, while they do. A formula in a sentence that is wider than the text gets a line that scrolls.
(() => {
  // on a phone a row of a table of sentences is a paragraph, and its cells say what they are
  document.querySelectorAll("article table.words").forEach(table => {
    const [first, second, ...more] = table.tHead?.rows ?? [];
    // pandas writes the name of the index into a second row, which is empty otherwise
    const single = first && !more.length && !(second && [...second.cells].slice(1).some(th => th.textContent.trim()));
    const heads = single ? [...first.cells].map(th => th.textContent.trim()) : [];
    table.querySelectorAll("tbody td").forEach(td => {
      if (td.cellIndex && heads[td.cellIndex] && td.textContent.trim()) td.dataset.of = heads[td.cellIndex];
    });
  });
  const formulas = () => document.querySelectorAll("span.math mjx-container").forEach(formula => {
    if (formula.hasAttribute("data-wide")) formula.removeAttribute("tabindex");
    formula.removeAttribute("data-wide");
    formula.toggleAttribute("data-wide", formula.getBoundingClientRect().width > formula.closest("p, li, dd, td, th")?.clientWidth);
  });
  const focusable = () => document.querySelectorAll("mjx-container").forEach(formula => formula.tabIndex = 0);  // its symbols explain themselves
  const parts = [...document.querySelectorAll("article pre, .output, .cell_output, .table-wrapper, div.math, .toc-scroll, .sidebar-scroll")];
  const look = () => [...parts, ...document.querySelectorAll("mjx-container[data-wide]")].forEach(part => {
    const scrolls = part.clientWidth && (part.scrollWidth > part.clientWidth || part.scrollHeight > part.clientHeight) && getComputedStyle(part).overflowX !== "visible";
    scrolls ? part.setAttribute("tabindex", 0) : part.removeAttribute("tabindex");
  });
  look();
  addEventListener("load", look);
  addEventListener("resize", () => (formulas(), look(), focusable()));
  document.addEventListener("toggle", look, true);
  window.MathJax?.startup?.promise?.then(() => (formulas(), look(), focusable()));
})();

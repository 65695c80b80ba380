// Parts of a page that scroll sideways take the focus of a keyboard, while they do.
(() => {
  const parts = [...document.querySelectorAll("article pre, .output, .cell_output, .table-wrapper, div.math, .toc-scroll, .sidebar-scroll")];
  const look = () => parts.forEach(part => {
    const scrolls = part.clientWidth && (part.scrollWidth > part.clientWidth || part.scrollHeight > part.clientHeight) && getComputedStyle(part).overflowX !== "visible";
    scrolls ? part.setAttribute("tabindex", 0) : part.removeAttribute("tabindex");
  });
  look();
  addEventListener("load", look);
  addEventListener("resize", look);
  document.addEventListener("toggle", look, true);
  window.MathJax?.startup?.promise?.then(look);
})();

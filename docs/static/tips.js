// What a term or a symbol means, beside it: under the mouse, at keyboard focus, by a tap; Escape closes. Without this script a term is a link to the glossary.
(() => {
  const root = document.documentElement.dataset.content_root, home = new URL(root, location).pathname;
  const page = decodeURI(location.pathname.slice(home.length)).replace(/\.html$/, "") || "index";
  const WAIT = 150, STAY = 300;  // milliseconds
  let tip, owner, timer, pointer, meanings;

  const withGlossary = then => {
    if (window.glossary) return then();
    const script = document.head.appendChild(document.createElement("script"));
    script.src = root + "_static/glossary.js";
    script.onload = then;
  };

  // characters of typeset elements, one after the other, as the glossary's keys are
  const slanted = code => (code >= 0x1D434 && code <= 0x1D467) || (code >= 0x1D6A8 && code <= 0x1D7CB) || code === 0x210E || code === 0x2113;
  const character = c => {
    const code = parseInt(/\bmjx-c([0-9A-F]+)\b/.exec(c.className)?.[1], 16);
    // of letters in other alphabets only the slanted ones: the field of real numbers is no R
    return code ? slanted(code) ? String.fromCodePoint(code).normalize("NFKC") : String.fromCodePoint(code) : "";
  };
  const read = e => e ? [...(e.matches("mjx-c") ? [e] : e.querySelectorAll("mjx-c"))].map(character).join("") : "";
  const rows = name => {
    meanings ??= window.glossary.symbols.reduce((all, row) => { row[0].forEach(k => all.set(k, [...(all.get(k) ?? []), row])); return all; }, new Map());
    const found = meanings.get(name) ?? [], here = found.filter(row => row[3].some(place => place[0] === page));
    return here.length ? here : found;
  };

  // rows of the glossary for one letter: the letter with what is below it, a differential, or the letter alone
  const symbol = letter => {
    const sub = letter.closest("mjx-msub, mjx-msubsup"), own = read(letter);
    const below = sub ? rows(read(sub).replace(/\(.*/, "")) : [];
    if (below.length && sub.firstElementChild.contains(letter)) return below;
    const place = letter.parentElement.closest("mjx-msup")?.firstElementChild?.contains(letter) ? letter.closest("mjx-msup") : letter;
    const next = place.nextElementSibling, after = next?.matches("mjx-mi") ? next : next?.querySelector("mjx-mi");
    if (own === "d" && after) return rows("d" + read(after));
    const pair = read(place.previousElementSibling) === "d" ? rows("d" + own) : [];
    return [...new Set([...below, ...(pair.length ? pair : rows(own))])];
  };
  const list = found => found.length ? `<dl>${found.map(row => `<dt>${row[1]}</dt><dd>${row[2]}; ${row[3].map(([place, name]) => `<a href="${place}.html">${name}</a>`).join(", ")}</dd>`).join("")}</dl>` : "";
  const letters = formula => [...formula.querySelectorAll("mjx-math mjx-mi")];

  const words = on => {
    if (on.matches("a.term")) return window.glossary.terms[on.hash.slice(1)] ?? "";
    if (on.matches("mjx-container")) return list([...new Set(letters(on).flatMap(symbol))]);
    return list(symbol(on));
  };

  const hide = () => {
    clearTimeout(timer);
    if (tip) tip.hidden = true;
    owner?.removeAttribute("aria-describedby");
    owner = null;
  };
  const place = on => {
    const box = on.getBoundingClientRect(), width = document.documentElement.clientWidth;
    tip.style.left = `${Math.max(8, Math.min(box.left, width - tip.offsetWidth - 8)) + scrollX}px`;
    const under = box.bottom + 6, over = box.top - tip.offsetHeight - 6;
    tip.style.top = `${(under + tip.offsetHeight > innerHeight && over > 0 ? over : under) + scrollY}px`;
  };
  const show = on => withGlossary(() => {
    const said = words(on);
    hide();
    if (!said) return;
    if (!tip) {
      tip = document.body.appendChild(document.createElement("div"));
      tip.id = "tip";
      tip.setAttribute("role", "tooltip");
    }
    tip.innerHTML = said;
    // the glossary's addresses start where the site does
    tip.querySelectorAll("a").forEach(a => a.setAttribute("href", root + a.getAttribute("href")));
    tip.hidden = false;
    owner = on;
    on.setAttribute("aria-describedby", "tip");
    place(on);
  });
  const later = (then, wait) => { clearTimeout(timer); timer = setTimeout(then, wait); };
  const explained = target => target.closest?.("a.term, mjx-container mjx-mi");

  document.addEventListener("pointerdown", event => { pointer = event.pointerType; });
  document.addEventListener("pointerover", event => {
    if (event.pointerType !== "mouse") return;
    const on = explained(event.target);
    if (on && on !== owner) later(() => show(on), WAIT);
    else if (on || event.target.closest?.("#tip")) clearTimeout(timer);
    else if (document.activeElement !== owner) later(hide, STAY);
  });
  document.addEventListener("focusin", event => {
    if (event.target.closest("#tip")) return;
    const on = event.target.closest("a.term, mjx-container");
    on?.matches(":focus-visible") ? show(on) : pointer || hide();
  });
  document.addEventListener("click", event => {
    const on = explained(event.target);
    if (on && pointer === "touch") {
      // a second tap on a term follows the link
      if (on.matches("a.term") && on !== owner) event.preventDefault();
      show(on);
    } else if (!event.target.closest("#tip")) hide();
  });
  document.addEventListener("keydown", event => {
    pointer = null;
    if (event.key === "Escape") hide();
  });
})();

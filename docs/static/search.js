// The excerpts below search results are plain text: say formulas in characters instead of TeX.
if (typeof Search !== "undefined") {
  const symbols = {alpha: "α", beta: "β", gamma: "γ", Gamma: "Γ", delta: "δ", Delta: "Δ", varepsilon: "ε", epsilon: "ε", eta: "η", theta: "θ", lambda: "λ", pi: "π", rho: "ρ",
    sigma: "σ", tau: "τ", omega: "ω", sum: "Σ", int: "∫", sqrt: "√", le: "≤", ge: "≥", ne: "≠", to: "→", times: "×", cdot: "·", mid: "|", in: "∈", approx: "≈", infty: "∞",
    ",": " ", ";": " ", "!": "", left: "", right: "", mathrm: "", text: ""};
  const plain = tex => tex.replace(/\\[()[\]]/g, "").replace(/\\([a-zA-Z]+|[,;!])/g, (all, name) => symbols[name] ?? name).replace(/[{}\\]/g, "");
  const withTex = Search.htmlToText;
  Search.htmlToText = (html, anchor) => withTex(html.replace(/(<(?:span|div) [^>]*class="math[^"]*"[^>]*>)([^<]*)/g, (all, tag, tex) => tag + plain(tex)), anchor);
}

// How Sphinx ranks what a search finds: a page whose title is what was asked for comes first, then pages whose title holds all words of it.
var Scorer = {
  objNameMatch: 11, objPartialMatch: 6, objPrio: {0: 15, 1: 5, 2: -5}, objPrioDefault: 0, title: 15, partialTitle: 7, term: 5, partialTerm: 2,
  score: ([docname, title, anchor, descr, score, filename, kind]) => {
    const asked = (new URLSearchParams(location.search).get("q") ?? "").toLowerCase().trim(), words = asked.split(/\s+/), said = title.toLowerCase();
    if (!asked || anchor || kind === "object") return score;
    if (said === asked || said.split(".").pop() === asked) return score + (said === asked ? 1000 : 100);
    return words.every(word => said.includes(word)) ? score + 200 : score;
  },
};

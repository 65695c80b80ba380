"""Copy the notebooks, as a reader sees them, to a folder that Sphinx reads, with pages of reference; then `make docs` builds the site from it.

Usage: python docs/build.py FOLDER. Nothing is executed: the pages show the outputs that are committed with the notebooks. Their order is that of
nbs/sidebar.yml, which Quarto would read too.
"""

import re
import shutil
import sys
from pathlib import Path

import nbformat
import pictures
import reference
import schematic
import terms
import yaml

from cells import hides_input, visible_cells
from fold import fold, is_exported, summary
from still import make_still

ROOT = Path(__file__).resolve().parents[1]
NBS = ROOT / "nbs"
FENCED = re.compile(r"(^(`{3,}|~{3,}).*?^\2[ \t]*$)", re.M | re.S)
HEADING = re.compile(r"^#{1,3} .+$", re.M)
TITLE = re.compile(r"^# .+\n+(?:>.*\n?)+", re.M)
SCHEMATIC = re.compile(r"^!\[[^\]]*\]\((?:\.\./)*docs/images/schematic\.svg\)$", re.M)
SPAN = re.compile(r"(?<![\[`])`([A-Za-z_][\w.]*)(\(\))?`(?![`\]])")


def sections():
    "{caption: notebooks, as paths from nbs/ without suffix} from nbs/sidebar.yml, checked against the notebooks that there are."
    contents = yaml.safe_load((NBS / "sidebar.yml").read_text(encoding="utf-8"))["website"]["sidebar"][
        "contents"
    ]
    listed = {part["section"]: part["contents"] for part in contents if isinstance(part, dict)}
    names = [part for part in contents if isinstance(part, str)] + sum(listed.values(), [])
    there = {
        p.relative_to(NBS).as_posix()
        for p in NBS.rglob("*.ipynb")
        if not any(part[0] in "._" for part in p.relative_to(NBS).parts)
    }
    if sorted(names) != sorted(there):
        wrong = {
            "not listed": there - set(names),
            "listed but not there": set(names) - there,
            "listed twice": {n for n in names if names.count(n) > 1},
        }
        raise ValueError(
            "nbs/sidebar.yml must list each notebook once. "
            + "; ".join(f"{why}: {', '.join(sorted(ns))}" for why, ns in wrong.items() if ns)
        )
    return {caption: [name.removesuffix(".ipynb") for name in names] for caption, names in listed.items()}


def outside_fences(change, text):
    "Apply `change` to what is not in a fenced block of Markdown."
    parts = FENCED.split(text)  # text, block, its fence, text, ...
    return "".join(change(part) if k % 3 == 0 else part for k, part in enumerate(parts) if k % 3 < 2)


def link_names(text, known):
    "Names in backticks that the reference tells of become links to it, except in headings and links."

    def link(match):
        full = known.get(match[1].removeprefix("taskdist_nb.")) or (
            match[1] if match[1] in known.values() else None
        )
        return f"{{py:obj}}`{match[1]}{match[2] or ''} <{full}>`" if full else match[0]

    return "\n".join(line if line.startswith("#") else SPAN.sub(link, line) for line in text.split("\n"))


def label_headings(text, stem, count):
    "A target before each heading, so that the reference can point at sections."

    def label(match):
        count.append(f"{stem.replace('/', '-')}-{len(count)}")
        return f"({count[-1]})=\n{match[0]}"

    return HEADING.sub(label, text)


def words_for(cell, after):
    "What is said of a cell's pictures to who can't see them: its directive, a widget's sentence, or the first sentence that follows."
    directives = cell.metadata["directives"]
    given = directives.get("fig-alt") or directives.get("fig-cap")
    if given:
        return given.strip("\"'")
    told = [o.get("data", {}).get("text/plain", "") for o in cell.outputs if "image/png" in o.get("data", {})]
    if told and not told[0].startswith("<"):
        return told[0]
    prose = (
        after.source.strip().split("\n\n")[0]
        if after and after.cell_type == "markdown" and not after.source.startswith(("#", "|"))
        else ""
    )
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(prose.split()))
    return re.split(r"(?<=[.!?]) ", re.sub(r"[*`$]", "", plain))[0] or "Figure"


def looks(cell, after):
    "A code cell's metadata for MyST-NB: words for its pictures, and what of it is shown."
    settings = {"image": {"alt": words_for(cell, after)} | pictures.classes(cell)}
    link = [f"cell-{cell.id}"] * is_exported(cell)
    if hides_input(cell):
        return {"mystnb": settings, "tags": ["remove-input"]}
    if not cell.metadata["folded"]:
        return {"mystnb": settings, "tags": link}
    words = summary(cell)
    return {
        "mystnb": settings | {"code_prompt_show": words, "code_prompt_hide": words},
        "tags": ["hide-input", *link],
    }


def make_light(notebook):
    "Of what can be shown in several ways, the one that the site shows."
    for bundle in (out.data for cell in notebook.cells for out in cell.get("outputs", []) if "data" in out):
        if "text/html" in bundle:
            bundle.pop("image/png", None)


def explained(text, stem, seen):
    "Text of a page with the schematic and with links to the glossary; the glossary itself gets what they lead to."
    if stem == terms.GLOSSARY:
        return terms.label_terms(text)
    return drawn(terms.link_terms(text, terms.terms(terms.glossary()), seen), stem)


def figure(stem, lit=0):
    "The schematic as a part of a page, so that its pieces are links: whole, or as a small map with one piece lit."
    kind = "schematic-map" if lit else "schematic-frame"
    return f'<figure class="{kind}">\n{schematic.drawing("../" * stem.count("/"), lit)}\n</figure>'


def drawn(text, stem):
    "The schematic where a notebook shows its file, and as a map under the title of a chapter about one of its pieces."
    lit = {chapter: k for k, (_, chapter) in schematic.PIECES.items()} | schematic.ALSO
    if stem in lit and TITLE.search(text):
        text = TITLE.sub(lambda m: f"{m[0]}\n\n{figure(stem, lit[stem])}\n", text)
    return SCHEMATIC.sub(lambda m: figure(stem), text)


def to_page(source, target, known):
    "Write one notebook without directives and hidden cells. -> {(notebook, cell id): label of the section it is in}"
    notebook, labels, count = nbformat.read(source, as_version=4), {}, []
    stem, seen = source.relative_to(NBS).with_suffix("").as_posix(), set()
    all_cells, notebook.cells = notebook.cells, list(visible_cells(source))
    shown = {cell.id: cell for cell in notebook.cells}
    for cell in all_cells:
        if cell.cell_type == "markdown":
            change = lambda text: link_names(label_headings(text, stem, count), known)
            shown[cell.id].source = outside_fences(
                lambda text: explained(change(text), stem, seen), cell.source
            )
        labels[stem, cell.id] = count[-1] if count else ""
    notebook.cells = fold(notebook.cells)
    for cell, after in zip(notebook.cells, [*notebook.cells[1:], None]):
        cell.metadata = looks(cell, after) if cell.cell_type == "code" else {}
    make_still(notebook)
    make_light(notebook)
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.from_dict(notebook), target)
    return labels


def numbered(name):
    "An entry of the sidebar for a notebook: with the number by which texts cite it, if it has one."
    number = re.match(r"(\d\d[a-z]?)_", name)
    if not number:
        return name
    title = re.match(r"# (.+)", nbformat.read(NBS / f"{name}.ipynb", as_version=4).cells[0].source)[1]
    return f"{number[1]} {title.strip()} <{name}>"


def toctree(caption, names):
    "A hidden table of contents: it fills the sidebar."
    return "\n".join(
        ["```{toctree}", ":hidden:", *([f":caption: {caption}"] if caption else []), "", *names, "```"]
    )


def write_reference(folder, modules, labels):
    "A page for each module, and one that lists them."
    folder.mkdir()
    rows = []
    for name, made in modules.items():
        source = (reference.LIB / f"{name}.py").read_text(encoding="utf-8")
        (folder / f"{name}.md").write_text(reference.page(name, made, source, labels), encoding="utf-8")
        rows.append((f"[{name}]({name}.md)", reference.text(source.split('"""')[1])))
    words = "Each module with its functions and classes: signatures, parameters with their shapes and units, what is raised, and the source."
    index = [
        "# Modules",
        words,
        reference.table(["module", "what it holds"], rows),
        toctree("", [f"{name} <{name}>" for name in modules]),
    ]
    (folder / "index.md").write_text("\n\n".join(index), encoding="utf-8")


def main(target):
    shutil.rmtree(target, ignore_errors=True)
    parts, labels = sections(), {}
    chapters = sum(parts.values(), [])
    exporting = [name.split("_", 1)[1] for name in chapters if re.match(r"\d\d", name)]
    modules = {
        name: reference.entries((reference.LIB / f"{name}.py").read_text(encoding="utf-8"))
        for name in exporting
        if (reference.LIB / f"{name}.py").exists()
    }
    known = reference.names(modules)
    for name in ["index", *chapters]:
        labels |= to_page(NBS / f"{name}.ipynb", target / f"{name}.ipynb", known)
    write_reference(target / "reference", modules, labels)
    trees = [toctree(caption, map(numbered, names)) for caption, names in parts.items() if names] + [
        toctree("Reference", ["reference/index", "genindex"])
    ]
    index = nbformat.read(target / "index.ipynb", as_version=4)
    index.cells.append(nbformat.v4.new_markdown_cell("\n\n".join(trees), id="contents"))
    nbformat.write(index, target / "index.ipynb")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

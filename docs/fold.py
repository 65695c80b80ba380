"""Which code cells of a page are a line that opens: imports, checks and the code of figures. What is left is what the page is about.

Decided from the code; `#| fold false` keeps a cell open, `#| fold Words` closes any cell under these words. Outputs stay in sight.
(Without a colon nbdev takes the line for a directive of its own, and leaves it out of the module.)
"""

import ast
import symtable

SHORT = 3  # lines: code of a figure that is no longer shows how a function is called


def is_check(node, own=frozenset()):
    "Whether a statement asserts something, or calls one of fastcore's test_eq, test_close and so on, or of the notebook's `own` such functions."
    if isinstance(node, ast.Assert):
        return True
    call = node.value if isinstance(node, ast.Expr) else None
    if not isinstance(call, ast.Call):
        return False
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return name in own or name.startswith(("test_", "assert_"))


def checks(node, own=frozenset()):
    return any(is_check(inner, own) for inner in ast.walk(node))


def own_checks(cells):
    "Names of the functions that a notebook writes for its tests: those that assert."
    functions = [
        node
        for cell in cells
        if cell.cell_type == "code" and not is_exported(cell)
        for node in statements(cell.source)
        if isinstance(node, ast.FunctionDef)
    ]
    return frozenset(
        f.name
        for f in functions
        if checks(f)
        or any(isinstance(n, ast.Raise) and "AssertionError" in ast.unparse(n) for n in ast.walk(f))
    )


def symbols(node):
    "(names that a piece of code takes from what stands before it, names that it gives to what stands after it), whatever their order in it."
    table = symtable.symtable(ast.unparse(node), "cell", "exec")
    inner = list(table.get_children())
    reads = {s.get_name() for s in table.get_symbols() if s.is_referenced()}
    while inner:
        scope = inner.pop()
        reads |= {s.get_name() for s in scope.get_symbols() if s.is_global()}
        inner += scope.get_children()
    return reads, {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}


def reads_and_makes(body):
    "(names that statements take from before, names that they leave): what a statement has made, later ones do not take from before."
    reads, makes = set(), set()
    for node in body:
        taken, given = symbols(node)
        # the loop's own names are made before they are read
        if isinstance(node, (ast.For, ast.With)):
            head = (
                [node.target]
                if isinstance(node, ast.For)
                else [item.optional_vars for item in node.items if item.optional_vars]
            )
            made = {inner.id for part in head for inner in ast.walk(part) if isinstance(inner, ast.Name)}
            taken -= made | (reads_and_makes(node.body)[1] - reads_and_makes(node.body)[0])
        reads |= taken - makes
        makes |= given
    return reads, makes


def shows_figure(body):
    "Whether the last statement is `plt.show()`, also inside a `with`."
    last = body[-1] if body else None
    if isinstance(last, ast.With):
        return shows_figure(last.body)
    return isinstance(last, ast.Expr) and ast.unparse(last) == "plt.show()"


def draws(body):
    "Whether a cell holds nothing but functions that draw on axes they are given, by their first argument."
    return bool(body) and all(
        isinstance(node, ast.FunctionDef) and node.args.args and node.args.args[0].arg in ("ax", "axes")
        for node in body
    )


def is_figure(cell, body):
    "Whether the code of a cell is about how something looks: it ends in plt.show(), its output is a picture made by pyplot, or it draws for other cells."
    if is_exported(cell):
        return draws(body) and all(node.name.startswith("_") for node in body)
    if len(cell.source.splitlines()) <= SHORT:
        return False
    pictured = any("image/png" in out.get("data", {}) for out in cell.outputs)
    return shows_figure(body) or draws(body) or (pictured and "plt." in cell.source)


def refuses_arguments(body):
    "Whether a cell holds nothing but functions that check arguments, by their names."
    return bool(body) and all(
        isinstance(node, ast.FunctionDef) and node.name.startswith(("check_", "_check_")) for node in body
    )


def are_helpers(body):
    "Whether a cell holds nothing but private functions: whoever reads the open one that calls them may want them next."
    return bool(body) and all(
        isinstance(node, ast.FunctionDef) and node.name.startswith("_") for node in body
    )


def asked(cell):
    "What the directive `fold` of a cell says: '' for open, words for closed; None if there is none."
    words = cell.metadata["directives"].get("fold", "").strip("\"'")
    return {"": None, "false": "", "true": "Code"}.get(words, words)


def is_import(node):
    "Whether a statement imports, also for type hints alone."
    hints = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not node.orelse
    return isinstance(node, (ast.Import, ast.ImportFrom)) or hints and all(map(is_import, node.body))


def is_exported(cell):
    return any(name in cell.metadata["directives"] for name in ("export", "exports", "exporti"))


def kind(
    cell,  # of code, without its directives, which are in its metadata
    body,  # its statements
    own,  # names of the notebook's own functions for tests
):
    "What a cell is folded as, seen by itself: 'Imports', 'Argument checks', 'Code of the figure', 'A helper', 'Checks' (if nothing open needs it), or ''."
    if body and all(map(is_import, body)):
        return "Imports"
    if refuses_arguments(body):
        return "Argument checks"
    if is_figure(cell, body):
        return "Code of the figure"
    if is_exported(cell):
        return "A helper" if are_helpers(body) else ""
    return "Checks" if body and checks(body[-1], own) and not cell.outputs else ""


def kinds(cells):
    "What each code cell is folded as, {index: words}. Checks, and what is computed for them alone, are found from the end: nothing open may need their names."
    found, for_open, for_checks, own = {}, set(), set(), own_checks(cells)
    for k, cell in reversed(list(enumerate(cells))):
        if cell.cell_type != "code":
            continue
        body = statements(cell.source)
        reads, makes = reads_and_makes(body)
        words = asked(cell)
        if words is None:
            words = kind(cell, body, own)
            if words == "" and not (cell.outputs or is_exported(cell)) and makes & for_checks:
                words = "Checks"
            if words == "Checks" and makes & for_open:
                words = ""
        found[k] = words
        needed = for_checks if words == "Checks" else for_open
        for_open -= makes
        for_checks -= makes
        needed |= reads
    # a notebook of nothing else
    about_checks = not any(words == "" and is_exported(cells[k]) for k, words in found.items())
    return {k: "" if about_checks and words == "Argument checks" else words for k, words in found.items()}


def statements(source):
    "Of a cell; none of one that holds a magic or a shell command."
    try:
        return ast.parse(source).body
    except SyntaxError:
        return []


def fold(
    cells,  # of a notebook, as docs/cells.py leaves them
):
    """The cells of a page; each code cell's `metadata['folded']` is the kind that it is folded as.

    Neighbours of a kind without outputs are one, but for two that are exported: each can be linked to."""
    made, found = [], kinds(cells)
    for k, cell in enumerate(cells):
        if cell.cell_type == "code":
            cell.metadata["folded"] = found[k]
        before = made[-1] if made else None
        alike = (
            before is not None
            and cell.get("metadata", {}).get("folded")
            and before.metadata.get("folded") == cell.metadata["folded"]
        )
        if (
            alike
            and not before.outputs
            and not (is_exported(before) and is_exported(cell) and found[k] != "Imports")
        ):
            before.source, before.outputs = f"{before.source}\n\n{cell.source}", cell.outputs
        else:
            made.append(cell)
    return made


def summary(cell):
    "The line that opens a folded cell, as in 'Checks: 12 lines'."
    if cell.metadata["folded"] == "Imports":
        return "Imports"
    lines = sum(1 for line in cell.source.splitlines() if line.strip())
    return f"{cell.metadata['folded']}: {lines} line{'s' * (lines != 1)}"

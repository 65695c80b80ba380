"""What a reader sees of an nbdev notebook: its cells without directives, hidden cells and the export cell."""

import re

import nbformat

# `#| name: value`, or `#| name value` as in nbdev
DIRECTIVE = re.compile(r"#\|\s*([\w-]+)(?:\s*:\s*|\s+|$)(.*)$")


def split(
    source,  # of a code cell
):
    "-> ({directive: value or ''}, code): the leading `#|` lines of a cell as a dict, and the rest."
    lines, directives = source.splitlines(), {}
    while lines and (not lines[0].strip() or lines[0].lstrip().startswith("#|")):
        match = DIRECTIVE.match(lines.pop(0).strip())
        if match:
            directives[match[1]] = (match[2] or "").strip()
    return directives, "\n".join(lines)


def is_hidden(directives, code):
    "Whether a code cell is not for readers."
    return (
        "hide" in directives
        or directives.get("include") == "false"
        or "nbdev_export()" in code
        or not code.strip()
    )


def visible_cells(
    path,  # of a notebook
):
    "The notebook's cells as a reader sees them; a code cell's directives are in `cell.metadata['directives']`."
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            directives, cell.source = split(cell.source)
            if is_hidden(directives, cell.source):
                continue
            cell.metadata["directives"] = directives
            if "hide_output" in directives or directives.get("output") == "false":
                cell.outputs = []
            cell.outputs = joined(out for out in cell.outputs if out.get("name") != "stderr")
        yield cell


def joined(outputs):
    "The outputs of a cell; what it printed in several goes is one text."
    found = []
    for out in outputs:
        if found and out.output_type == found[-1].output_type == "stream":
            found[-1].text += out.text
        else:
            found.append(out)
    return found


def hides_input(cell):
    "Whether only the outputs of a code cell are shown."
    directives = cell.metadata["directives"]
    return "hide_input" in directives or directives.get("echo") == "false"

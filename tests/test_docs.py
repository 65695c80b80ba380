"""docs/make_readme.py on a notebook with every kind of cell, and docs/build.py on the project's own."""
import base64
from pathlib import Path

import build
import nbformat
from cells import split
from make_readme import HEADER, IMAGES, render
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

PNG = b"\x89PNG pretend"


def test_readme_from_every_kind_of_cell(tmp_path):
    image = new_output("display_data", {"image/png": base64.b64encode(PNG).decode(), "text/plain": "<Figure>"})
    table = new_output("execute_result", {"text/plain": "   a\n0  1", "text/html": "<table>"})
    warned = new_output("stream", name="stderr", text="careful")
    printed = new_output("stream", name="stdout", text="\x1b[31m```\x1b[0m\n")
    cells = [new_markdown_cell("# Title\n\n[data](00_data.ipynb), [licence](../LICENSE), [web](https://a.b/c), [up](#title)"),
             new_code_cell("#| hide\nimport os"),
             new_code_cell("#| echo: false\n#| fig-alt: \"A figure\"\nplot()", outputs=[image]),
             new_code_cell("#| slow\n\nf(1) #| kept", outputs=[warned, table]),
             new_code_cell("print('`'*3)", outputs=[printed])]
    nbformat.write(new_notebook(cells=cells), tmp_path / "index.ipynb")
    text, images = render(tmp_path / "index.ipynb")
    assert images == {"index_0.png": PNG}
    assert text == HEADER + f"""# Title

[data](nbs/00_data.ipynb), [licence](LICENSE), [web](https://a.b/c), [up](#title)

![A figure]({IMAGES}/index_0.png)

```python
f(1) #| kept
```

```text
   a
0  1
```

```python
print('`'*3)
```

````text
```
````
"""


def test_split_takes_only_leading_directives():
    source = "#| export\n#| fig-cap: two: words\n\nx = 1\n#| not one"
    assert split(source) == ({"export": "", "fig-cap": "two: words"}, "x = 1\n#| not one")
    assert split("x = 1") == ({}, "x = 1")


def test_pages_hold_all_notebooks_and_no_directives(tmp_path):
    build.main(tmp_path / "site")
    nbs = Path(build.ROOT, "nbs")
    kept = {p.relative_to(nbs) for part in build.PARTS.values() for p in build.pages(nbs / part)}
    made = {p.relative_to(tmp_path / "site"): nbformat.read(p, as_version=4) for p in (tmp_path / "site").rglob("*.ipynb")}
    assert set(made) == kept
    sources = [cell.source for notebook in made.values() for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(source.startswith("#|") or "nbdev_export()" in source for source in sources)
    contents = made[Path("index.ipynb")].cells[-1].source
    assert all(page.with_suffix("").as_posix() in contents for page in kept - {Path("index.ipynb")})

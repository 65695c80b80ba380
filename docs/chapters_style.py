"""taskdist_nb.style.STYLE -> nbs/matplotlibrc, which matplotlib reads in the folder of a notebook: chapters are drawn as the package draws.

The folders below nbs/ hold links to that file. Run from anywhere, after the export: `python docs/chapters_style.py`.
"""

from pathlib import Path

from taskdist_nb.style import STYLE

HEADER = "# Made from STYLE of nbs/09_style.ipynb by docs/chapters_style.py: edit the notebook, then `make export`.\n"


def as_setting(value):
    "A value as matplotlib reads it; '#' would start a comment."
    return str(value).replace("#", "")


def main():
    lines = [f"{name}: {as_setting(value)}\n" for name, value in STYLE.items()]
    nbs = Path(__file__).resolve().parents[1] / "nbs"
    (nbs / "matplotlibrc").write_text(HEADER + "".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()

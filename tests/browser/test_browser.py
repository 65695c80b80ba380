"""What a reader sees in a real browser: the site's maths, search and width without a network, and widgets that move in JupyterLab.

`SCREENSHOTS=FOLDER make test-browser` leaves a picture of each widget in that folder.
"""

import os
from pathlib import Path

import pytest

from taskdist_nb.registry import TABLES

RESOURCES = "return performance.getEntriesByType('resource').map(r => r.name).concat(location.href)"
# Text that is wider than the window and that no ancestor lets scroll.
OVERFLOW = """const width = document.documentElement.clientWidth
  const scrolls = e => e && e.tagName != 'BODY' && (getComputedStyle(e).overflowX != 'visible' || scrolls(e.parentElement))
  return [...document.querySelectorAll('article *')].filter(e => e.getBoundingClientRect().width && e.getBoundingClientRect().right > width + 2 && !scrolls(e.parentElement))
    .map(e => e.tagName + ': ' + e.textContent.slice(0, 60)).slice(0, 5)"""

# Mean of red, green and blue of a colour of the first element that a selector finds; at least 1.
BRIGHTNESS = "return 1 + getComputedStyle(document.querySelector(arguments[0]))[arguments[1]].match(/\\d+/g).slice(0, 3).map(Number).reduce((a, b) => a + b)/3"

# A button's left, top, width and height and an image's width, in pixels of the image, and the two margins that should make the first two.
PLACE = """const [b, i] = [...arguments].map(e => e.getBoundingClientRect()), margin = getComputedStyle(arguments[0])
  return [b.x - i.x, b.y - i.y, b.width, b.height, i.width, parseFloat(margin.marginLeft), parseFloat(margin.marginTop)]"""


def resize(driver, width):
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        dict(width=width, height=850, deviceScaleFactor=1, mobile=width < 600),
    )


def from_here_only(driver):
    return [
        url
        for url in driver.execute_script(RESOURCES)
        if not url.startswith(("http://127.0.0.1:", "data:", "blob:"))
    ]


def test_a_gesture_that_is_lost_is_made_again(until_acts):
    made = []
    assert until_acts(lambda: made.append("click"), lambda: len(made) == 3 and made, patience=0.1) == made
    assert len(made) == 3


def test_home_shows_figure_commands_and_typeset_maths(driver, until, find, site):
    driver.get(f"{site}/index.html")
    until(lambda _: find("mjx-container mjx-math"))
    figure = find("article img")[0]
    assert driver.execute_script("return arguments[0].naturalWidth", figure) > 300 and figure.get_attribute(
        "alt"
    )
    words = find("article")[0].text
    assert "make demo" in words and "make test" in words and "mathbb" not in words
    assert from_here_only(driver) == []


def test_maths_of_a_notebook_is_rendered_and_no_tex_is_left(driver, until, find, site):
    driver.get(f"{site}/02_fisher.html")
    until(
        lambda _: len(find("mjx-container")) > 50 and len(find("mjx-container")) >= len(find("article .math"))
    )
    assert find("mjx-merror") == []
    prose = " ".join(p.text for p in find("article section > p"))
    assert len(prose) > 1000 and not any(tex in prose for tex in ("$", "\\frac", "\\sqrt", "\\mathbb"))
    assert from_here_only(driver) == []


def test_search_finds_a_notebook_and_a_function(driver, until, until_acts, find, site):
    def search():
        if "search.html?q=relabelling" in driver.current_url:
            return
        driver.get(f"{site}/index.html")  # anew, if what was typed was lost
        box = find("input[name=q]")[0]
        box.send_keys("relabelling mantel")
        box.submit()

    hits = until_acts(search, lambda: [a.get_attribute("href") for a in find("#search-results li a")])
    assert any("08_mantel.html" in hit for hit in hits)
    driver.get(f"{site}/search.html?q=coupled_transfer")
    hit = until(lambda _: find("#search-results li a[href*='reference/distances.html']")[0])
    until_acts(hit.click, lambda: find("dt[id='taskdist_nb.distances.coupled_transfer']"))
    assert from_here_only(driver) == []


@pytest.mark.parametrize(
    "asked, page",
    [
        ("Fisher metric", "02_fisher"),
        ("mantel test", "08_mantel"),
        ("Widgets", "09b_widgets"),
        ("trajectory", "04_trajectory"),
    ],
)
def test_search_puts_the_page_of_that_title_first(driver, until, find, site, asked, page):
    driver.get(f"{site}/search.html?q={asked}")
    until(
        lambda _: (
            "finished" in driver.find_element("css selector", "#search-results .search-summary").text
            or "found" in find("#search-results .search-summary")[0].text
        )
    )
    assert f"{site}/{page}.html" in find("#search-results li a")[0].get_attribute("href")


def test_contents_of_a_page_stand_beside_it(driver, until, find, site):
    resize(driver, 1280)
    driver.get(f"{site}/02_fisher.html")
    toc, article = (until(lambda _: find(selector)[0]).rect for selector in (".toc-tree", "article"))
    assert (
        toc["x"] >= article["x"] + article["width"]
        and toc["x"] + toc["width"] <= 1280
        and toc["height"] > 100
    )


def test_on_paper_no_text_is_covered_or_cut(driver, until, find, site):
    resize(driver, 740)
    driver.get(f"{site}/03_moving.html")
    until(lambda _: len(find("mjx-container")) >= len(find("article .math")))
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert (
            driver.execute_script(
                "return [...document.querySelectorAll('article pre')].filter(e => e.getClientRects().length && e.scrollWidth > e.clientWidth + 1).length"
            )
            == 0
        )
        hidden = (".skip-to-content", ".sidebar-drawer", ".toc-drawer", ".mobile-header")
        assert not any(find(selector)[0].is_displayed() for selector in hidden)
        assert find("article")[0].rect["width"] > 700
    finally:
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


# a table of the text, and one of pandas, whose index has a name in a row of its own
@pytest.mark.parametrize("page, head", [("05_distances", "what moves"), ("06a_thresholds", "value")])
def test_rows_of_sentences_are_paragraphs_on_a_phone(driver, find, site, page, head):
    driver.get(f"{site}/{page}.html")
    look = "const s = getComputedStyle(arguments[0]); return [s.display, getComputedStyle(arguments[0], '::before').content]"
    shown = []
    for width in (390, 1280):
        resize(driver, width)
        shown.append(driver.execute_script(look, find("table.words tbody td:nth-child(2)")[0]))
    assert shown == [["block", f'"{head}: "'], ["table-cell", "none"]]


def test_a_page_that_is_not_there_leads_back(driver, until, until_acts, find, site):
    driver.get(f"{site}/404.html")
    assert until(lambda _: find("article h1")[0]).text.startswith("No such page")
    until_acts(
        lambda: find("article a[href='index.html']")[0].click(),
        lambda: "How far is one learning task from another?" in find("article")[0].text,
    )


def test_every_file_that_a_page_asks_for_is_there(driver, until, find, site):
    for page in ("index", "02_fisher", "03_moving", "reference/viz"):
        driver.get(f"{site}/{page}.html")
        until(lambda _: len(find("mjx-container")) >= len(find("article .math")))
        assert (
            driver.execute_script(
                "return performance.getEntriesByType('resource').filter(r => r.responseStatus >= 400).map(r => r.name)"
            )
            == []
        )


@pytest.mark.parametrize(
    "page", ["index", "00_data", "03_moving", "tutorials/your_own_data", "reference/viz", "reference/select"]
)
def test_pages_fit_a_phone_a_tablet_and_a_laptop(driver, until, find, site, page):
    for width in (390, 800, 1024, 1280):
        resize(driver, width)
        driver.get(f"{site}/{page}.html")
        until(lambda _: len(find("mjx-container")) >= len(find("article .math")))
        assert driver.execute_script(OVERFLOW) == []
        assert driver.execute_script("return document.documentElement.scrollWidth") <= width


def test_dark_and_light_are_dark_and_light(driver, until, site):
    driver.get(f"{site}/index.html")
    for mode, lighter in (("dark", "text"), ("light", "ground")):
        driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": mode}]}
        )
        text, ground = (
            until(lambda d: d.execute_script(BRIGHTNESS, selector, colour))
            for selector, colour in ((".main", "color"), ("body", "backgroundColor"))
        )
        assert abs(text - ground) > 150 and (text > ground) == (lighter == "text")


def test_widget_moves_in_jupyterlab(driver, until, until_acts, find, settled, run_in_lab):
    from selenium.webdriver import ActionChains, Keys

    code = "from taskdist_nb.widgets_ruler import fisher_ruler\n\nfisher_ruler()"
    run_in_lab("ruler.ipynb", "A ruler", code)
    handle = settled(".jp-OutputArea .noUi-handle")
    said = lambda: find("[role=status]")[-1].text
    shown = lambda: find(".jp-OutputArea .widget-image")[0].get_attribute("src")
    first, picture = until(lambda _: said()), shown()
    drag = ActionChains(driver).drag_and_drop_by_offset(handle, -60, 0)  # with the mouse
    second = until_acts(drag.perform, lambda: said() != first and said())
    until(lambda _: shown() != picture)
    # with the keyboard
    until_acts(lambda: handle.send_keys(Keys.ARROW_RIGHT), lambda: said() not in (first, second))
    assert find(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']") == []
    assert from_here_only(driver) == []


def test_task_on_the_map_is_clicked_in_jupyterlab(driver, until, until_acts, find, settled, run_in_lab):
    from selenium.webdriver import ActionChains, Keys

    code = (
        "import pandas as pd\nfrom taskdist_nb.widgets_map import task_map\n\nd = pd.DataFrame([[0, 1, 4], [2, 0, 3], [5, 6, 0]], list('abc'), list('abc'))\n"
        "task_map({'made up': d}, gain=d - 3)"
    )
    run_in_lab("map.ipynb", "A map", code)
    image = settled(".jp-OutputArea .widget-image")
    spot = lambda task: settled(f".jp-OutputArea button[title='choose {task}']")
    said = lambda: find("[role=status]")[-1].text
    until(lambda _: "nearest source to a is b" in said())
    # the button lies where Python put it on the picture
    for task in "abc":
        x, y, width, height, right, left, top = until(lambda d: d.execute_script(PLACE, spot(task), image))
        assert abs(x - left) < 2 and abs(y - top) < 2 and x + width < right and 20 < height < 60
    picture = image.get_attribute("src")
    click = ActionChains(driver).move_to_element(spot("c")).click()  # with the mouse
    until_acts(click.perform, lambda: "nearest source to c is b" in said() and "Fine-tuning from b" in said())
    until(lambda _: find(".jp-OutputArea .widget-image")[0].get_attribute("src") != picture)
    # with the keyboard
    until_acts(lambda: spot("b").send_keys(Keys.ENTER), lambda: "nearest source to b is a" in said())
    assert find(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']") == []
    assert from_here_only(driver) == []


MATRICES = "import numpy as np, pandas as pd\ndef d(seed): return pd.DataFrame(np.random.default_rng(seed).uniform(1, 2, (5, 5)), list('abcde'), list('abcde'))\n"
WIDGETS = {  # name of the registry: (cell, words of its sentence, number of controls)
    "walk_transfer": (
        "walk_transfer()",
        ("length so far B = ", "A = ", "excess loss", "accuracy on the target's test images"),
        1,
    ),
    "fisher_ruler": ("fisher_ruler()", ("geodesic", "straight line", "longer", "steps"), 5),
    "mantel_explorer": (
        MATRICES + "mantel_explorer({'one': d(1), 'two': d(2), 'three': d(3)})",
        ("Pearson r = ", "p = ", "With one task left out, r lies between"),
        5,
    ),
    "task_map": (
        MATRICES
        + "task_map({'small': {'far': d(1), 'near': d(2)}, 'large': {'far': d(3), 'near': d(4)}}, gain=d(5))",
        ("By far, the nearest source to a is", "the farthest", "Fine-tuning from", "the best source was"),
        4,
    ),
    "exact_toy_explorer": ("exact_toy_explorer()", ("learner B = ", "A = ", "best B = ", "excess loss"), 5),
}


HOMES = {name: entry.function.partition(":")[0] for name, entry in TABLES["widget"].items()}


def controls_of(find):
    "A function for each control of the widget that moves it by hand: sliders, menus, ticks and groups of buttons."
    from selenium.webdriver import Keys
    from selenium.webdriver.support.ui import Select

    area = ".jp-OutputArea "

    def key(slider):
        return lambda: slider.send_keys(
            Keys.ARROW_LEFT if "100.0%" in slider.get_attribute("style") else Keys.ARROW_RIGHT
        )

    def choose(menu):
        return lambda: Select(menu).select_by_index(len(Select(menu).options) - 1)

    # a second click would undo the first
    def tick(box):
        was = box.is_selected()
        return lambda: box.is_selected() != was or box.click()

    def press(group):
        button = group.find_elements("css selector", "button:not(.mod-active)")[-1]
        return lambda: "mod-active" in button.get_attribute("class") or button.click()

    return (
        [key(e) for e in find(area + ".noUi-handle")]
        + [choose(e) for e in find(area + "select")]
        + [tick(e) for e in find(area + "input[type=checkbox]")]
        + [press(e) for e in find(area + ".widget-toggle-buttons")]
    )


@pytest.mark.parametrize("name", WIDGETS)
def test_every_control_of_a_widget_answers(driver, until, until_acts, find, settled, run_in_lab, name):
    code, words, count = WIDGETS[name]
    run_in_lab(f"{name}.ipynb", name, f"from taskdist_nb.{HOMES[name]} import {name}\n" + code)
    settled(".jp-OutputArea .widget-image")
    until(lambda _: find("[role=status]")[-1].text)
    state = lambda: (
        find(".jp-OutputArea .widget-image")[0].get_attribute("src"),
        find("[role=status]")[-1].text,
    )
    assert all(word in state()[1] for word in words), state()[1]
    moves = controls_of(find)
    assert len(moves) == count
    for move in moves:
        before = state()
        until_acts(move, lambda: state()[0] != before[0])
    assert (
        find(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']") == []
        and from_here_only(driver) == []
    )
    if folder := os.environ.get("SCREENSHOTS"):
        driver.save_screenshot(str(Path(folder) / f"{name}.png"))

"""The site by ear, keyboard and finger, in the dark and on paper: the rules of axe-core on pages of every kind, and what is explained beside terms and symbols."""

import pytest
from test_browser import from_here_only, resize

PAGES = (
    "index",
    "02_fisher",
    "03_moving",
    "04_trajectory",
    "05b_together",
    "06_scores",
    "08_mantel",
    "09_viz_map",
    "explanations/exact_toy",
    "explanations/glossary",
    "tutorials/reading_a_matrix",
    "reference/index",
    "reference/cifar100",
    "genindex",
    "search",
    "404",
)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AXE = """const [options, done] = arguments
  axe.run(document, options).then(found => done(found.violations.map(v => `${v.impact} ${v.id}: ${v.nodes.slice(0, 3).map(n => n.target.join(' ')).join(', ')}`)), e => done([String(e)]))"""
# what axe-core before 4.5 does not ask: links of the contents far enough apart for a finger, scrolling parts within reach of the keyboard
CLOSE = """const boxes = [...document.querySelectorAll('.toc-tree a, .sidebar-tree a')].filter(a => a.getClientRects().length).map(a => a.getBoundingClientRect())
  return boxes.filter(b => b.height < 24).length"""
OUT_OF_REACH = """const scrolls = e => ['auto', 'scroll'].includes(getComputedStyle(e).overflowX) && (e.scrollWidth > e.clientWidth + 1) && e.clientWidth
  return [...document.querySelectorAll('article *')].filter(e => scrolls(e) && e.tabIndex < 0 && !e.querySelector('a, button, [tabindex]')).map(e => e.className || e.tagName)"""


def open_page(driver, until, find, site, page, width=1280, scheme="light", media=""):
    resize(driver, width)
    look = {"media": media, "features": [{"name": "prefers-color-scheme", "value": scheme}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", look)
    driver.get(f"{site}/{page}.html")
    until(lambda _: len(find("mjx-container")) >= len(find("article .math")))


@pytest.fixture(autouse=True)
def as_it_was(driver):
    yield
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


# in the dark and on a phone every other page: each takes seconds
@pytest.mark.parametrize(
    "page, look",
    [(page, "wide") for page in PAGES] + [(page, look) for page in PAGES[::2] for look in ("dark", "phone")],
)
def test_pages_keep_the_rules_of_axe(driver, until, find, site, page, look):
    base = pytest.importorskip("axe_core_python.base", reason="pip install -e '.[browser]'")
    width, scheme = (390 if look == "phone" else 1280), ("dark" if look == "dark" else "light")
    open_page(driver, until, find, site, page, width, scheme)
    driver.execute_script(base.AXE_SCRIPT)
    driver.set_script_timeout(120)
    # in the dark only colours are new
    only = (
        {"type": "rule", "values": ["color-contrast"]} if look == "dark" else {"type": "tag", "values": RULES}
    )
    assert driver.execute_async_script(AXE, {"runOnly": only, "resultTypes": ["violations"]}) == []


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("page", PAGES[:9])
def test_what_scrolls_is_reached_by_keyboard(driver, until, find, site, page, width):
    open_page(driver, until, find, site, page, width)
    until(lambda _: driver.execute_script(OUT_OF_REACH) == [])
    assert width < 600 or driver.execute_script(CLOSE) == 0


@pytest.fixture
def said(driver, find):
    "What stands beside a term or a symbol now; '' if nothing."
    return lambda: " ".join(tip.text for tip in find("#tip") if tip.is_displayed())


def point_at(driver, element):
    "Move the mouse to an element, from the corner of the window: a mouse that lies there already tells nobody."
    from selenium.webdriver import ActionChains

    driver.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
    chain = ActionChains(driver)
    chain.w3c_actions.pointer_action.move_to_location(0, 0)
    chain.move_to_element(element).perform()


def focus(driver, element):
    "As the Tab key does; what has the focus loses it first."
    driver.execute_script("arguments[0].blur(); arguments[0].focus({focusVisible: true})", element)


def tap(driver, element):
    from selenium.webdriver.common.action_chains import ActionBuilder
    from selenium.webdriver.common.actions.pointer_input import PointerInput

    driver.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
    actions = ActionBuilder(driver, mouse=PointerInput("touch", "touch"), duration=50)
    actions.pointer_action.move_to(element).pointer_down().pointer_up()
    actions.perform()


def test_a_term_is_explained_by_mouse_and_keyboard(driver, until, until_acts, find, site, said):
    from selenium.webdriver import Keys

    open_page(driver, until, find, site, "04e_alternation")
    term = find("a.term[href$='#term-proximal-step']")[0]
    until_acts(
        lambda: point_at(driver, term), lambda: said().startswith("Proximal step. A change of the coupling")
    )
    assert term.get_attribute("aria-describedby") == "tip"
    until_acts(lambda: point_at(driver, find("h1")[0]), lambda: said() == "")
    until_acts(lambda: focus(driver, term), lambda: said().startswith("Proximal step."))
    until_acts(lambda: term.send_keys(Keys.ESCAPE), lambda: said() == "")
    assert from_here_only(driver) == []


def test_a_term_is_explained_by_the_first_tap_and_followed_by_the_second(
    driver, until, until_acts, find, site, said
):
    open_page(driver, until, find, site, "04e_alternation", 390)
    term = find("a.term[href$='#term-proximal-step']")[0]
    # where the first tap acted, another would follow the link
    until_acts(lambda: said() or tap(driver, term), lambda: said().startswith("Proximal step."))
    box = find("#tip")[0].rect
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390 and "04e_alternation" in driver.current_url
    there = "explanations/glossary.html#term-proximal-step"
    until_acts(lambda: tap(driver, term), lambda: driver.current_url.endswith(there))


def test_symbols_of_a_formula_are_explained_one_by_one_and_together(
    driver, until, until_acts, find, site, said
):
    open_page(driver, until, find, site, "02_fisher")
    formula = find("mjx-container[display]")[0]
    letters = formula.find_elements("css selector", "mjx-math mjx-mi")
    for letter, words in (
        (letters[1], "length of a small step"),
        (letters[2], "Kullback-Leibler"),
        (letters[3], "the probability that"),
    ):
        until_acts(lambda: point_at(driver, letter), lambda: words in said())
    together = ("Kullback-Leibler", "Fisher information", "a network's weights")
    until_acts(lambda: focus(driver, formula), lambda: all(words in said() for words in together))


def test_a_letter_means_what_its_chapter_says(driver, until, until_acts, find, site, said):
    for page, words in (
        ("08_mantel", "share of relabellings"),
        ("02_fisher", "two predictions for one input"),
    ):
        open_page(driver, until, find, site, page)
        alone = [
            e
            for e in find("mjx-math > mjx-mi")
            if driver.execute_script("return !!arguments[0].querySelector('.mjx-c1D45D')", e)
        ]
        until_acts(lambda: point_at(driver, alone[0]), lambda: words in said())
        assert said().count("\n") == 1


def test_on_a_phone_a_wide_figure_keeps_its_size_and_says_that_it_scrolls(driver, until, find, site):
    open_page(driver, until, find, site, "06_scores", 390)
    wide = """return [...document.querySelectorAll('.cell_output:has(img)')].map(e => [e.scrollWidth > e.clientWidth,
      getComputedStyle(e, '::before').content.includes('scroll'), e.querySelector('img').width >= Math.min(e.querySelector('img').naturalWidth, 700)])"""
    until(lambda _: (found := driver.execute_script(wide)) and all(map(all, found)))


def test_on_a_phone_a_formula_says_that_it_scrolls_where_it_does(driver, until, find, site):
    said = """return [...document.querySelectorAll('div.math')].map(e =>
      [e.scrollWidth > e.clientWidth, getComputedStyle(e, '::before').content.includes('scroll')])"""
    open_page(driver, until, find, site, "04_trajectory", 390)
    until(lambda _: (found := driver.execute_script(said)) and all(a == b for a, b in found))
    assert any(wide for wide, _ in driver.execute_script(said))
    open_page(driver, until, find, site, "04_trajectory", 1280)
    assert not any(hint for _, hint in driver.execute_script(said))


def test_a_shadow_stands_where_a_table_scrolls(driver, until, find, site):
    shadows = """return [...document.querySelectorAll('.output.text_html:has(table)')].filter(e => e.clientWidth).map(e =>
      [e.scrollWidth > e.clientWidth, getComputedStyle(e).backgroundImage.includes('gradient')])"""
    seen = set()
    for width in (390, 1280):
        open_page(driver, until, find, site, "10c_maps_cifar100", width)
        until(lambda _: all(a == b for a, b in driver.execute_script(shadows)))
        seen |= {wide for wide, _ in driver.execute_script(shadows)}
    assert seen == {True, False}


def test_on_paper_a_folded_cell_is_one_line_unless_it_was_opened(driver, until, find, site):
    open_page(driver, until, find, site, "04_trajectory", 717, media="print")
    inside = lambda: [code.is_displayed() for code in find("details.hide > :not(summary)")]
    assert all(line.is_displayed() for line in find("details.hide > summary")) and not any(inside())
    driver.execute_script("document.querySelector('details.hide').open = true")
    assert inside().count(True) == 1


def test_a_formula_wider_than_its_sentence_scrolls(driver, until, find, site):
    open_page(driver, until, find, site, "explanations/exact_toy", 390)
    narrow = """const formula = [...document.querySelectorAll('p > span.math mjx-container')].sort((a, b) => b.getBoundingClientRect().width - a.getBoundingClientRect().width)[0]
      formula.closest('p').style.width = '60px'
      dispatchEvent(new Event('resize'))"""
    driver.execute_script(narrow)
    until(lambda _: find("mjx-container[data-wide][tabindex]"))
    assert max(e.rect["width"] for e in find("mjx-container[data-wide]")) <= 60


def test_in_the_dark_a_drawing_is_turned_over_and_a_heat_map_is_not(driver, until, find, site):
    filters = "return [...document.querySelectorAll('.cell_output img')].map(e => [e.classList.contains('drawing'), getComputedStyle(e).filter])"
    for scheme in ("dark", "light"):
        open_page(driver, until, find, site, "08_mantel", scheme=scheme)
        found = driver.execute_script(filters)
        assert {drawing for drawing, _ in found} == {True, False}
        assert all(("invert" in how) == (drawing and scheme == "dark") for drawing, how in found)


def test_the_drawing_of_the_method_leads_to_its_chapters(driver, until, until_acts, find, site):
    for width in (1280, 390):
        open_page(driver, until, find, site, "index", width)
        drawing = find("svg.schematic")[0]
        assert drawing.rect["width"] <= width and len(drawing.find_elements("css selector", "a")) == 5
        small = "return Math.min(...[...document.querySelectorAll('svg.schematic text')].map(t => t.getBoundingClientRect().height))"
        # letters of eleven pixels
        assert driver.execute_script(small) > 11
    link = drawing.find_elements("css selector", "a")[2]
    click = "arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}))"
    until_acts(
        lambda: driver.execute_script(click, link), lambda: driver.current_url.endswith("/04_trajectory.html")
    )
    assert len(find(".schematic-map .pale")) == 4


@pytest.mark.parametrize(
    "page",
    ["02_fisher", "04_trajectory", "05b_together", "06_scores", "08b_judgement", "10b_selection_study"],
)
def test_on_paper_nothing_is_wider_than_the_page(driver, until, find, site, page):
    open_page(driver, until, find, site, page, 717, media="print")
    wide = """const w = document.documentElement.clientWidth
      return [...document.querySelectorAll('article :is(table, img, pre, p, mjx-math)')].filter(e => e.getClientRects().length && e.getBoundingClientRect().right > w + 2 && !e.closest('mjx-assistive-mml')).map(e => e.tagName + e.textContent.slice(0, 40))"""
    until(lambda _: driver.execute_script(wide) == [])

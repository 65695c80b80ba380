"""Live figures on the built site: each moves by mouse, finger and keyboard, fits a phone, and says the package's numbers.

How long a drawing takes, `benchmarks/live_figures.py` measures.
"""

import numpy as np
import pytest
from test_browser import from_here_only, resize

PAGES = {
    "turn": "index",
    "ruler": "02_fisher",
    "walk": "04_trajectory",
    "mantel": "08_mantel",
    "map": "09_viz_map",
    "toy": "explanations/exact_toy",
}
SLIDERS = {
    "turn": ["turned by"],
    "ruler": ["straight line"],
    "walk": ["τ"],
    "mantel": ["relabelling"],
    "toy": ["shift", "width", "learning speed", "τ"],
}


@pytest.fixture
def figure(driver, until, find, settled, site):
    "Open the page of a live figure. -> functions: what it says, its numbers"

    def open_page(kind, width=1280):
        resize(driver, width)
        driver.get(f"{site}/{PAGES[kind]}.html")
        until(lambda _: find(f"[data-live={kind}].live-on svg"))
        # formulas push what stands below them
        until(lambda _: len(find("mjx-container")) >= len(find("article .math")))
        driver.execute_script(
            "document.documentElement.style.scrollBehavior = 'auto'; document.querySelector('[data-live]').scrollIntoView({block: 'start'}); scrollBy(0, -80)"
        )
        settled("[data-live] svg")
        return (lambda: find("[data-live] [role=status]")[0].text), (
            lambda: driver.execute_script("return document.querySelector('[data-live]').live.now")
        )

    return open_page


def keys(element, *pressed):
    from selenium.webdriver import Keys

    element.send_keys(*[getattr(Keys, key) for key in pressed])


def drag(driver, element, dx, dy, kind="mouse"):
    "Press, move and release, by a mouse or a finger."
    from selenium.webdriver.common.action_chains import ActionBuilder
    from selenium.webdriver.common.actions.pointer_input import PointerInput

    actions = ActionBuilder(driver, mouse=PointerInput(kind, kind), duration=50)
    actions.pointer_action.move_to(element).pointer_down().move_to(element, dx, dy).pointer_up()
    actions.perform()


@pytest.mark.parametrize("kind", SLIDERS)
def test_sliders_move_by_keyboard_and_mouse(driver, until_acts, find, figure, kind):
    says, now = figure(kind)
    for label in find("[data-live] label"):
        ranges = label.find_elements("css selector", "input[type=range]")
        if not ranges:
            continue
        assert any(label.text.startswith(name) for name in SLIDERS[kind]), label.text
        said, shown = says(), label.find_elements("css selector", "output")[0].text
        until_acts(lambda: keys(ranges[0], "ARROW_RIGHT"), lambda: says() != said)
        assert label.find_elements("css selector", "output")[0].text != shown
        moved = says()
        until_acts(lambda: drag(driver, ranges[0], 60, 0), lambda: says() != moved)
    assert from_here_only(driver) == []


@pytest.mark.parametrize("kind", PAGES)
def test_it_fits_a_phone_and_a_laptop(driver, until_acts, find, figure, kind):
    for width in (1280, 390):
        figure(kind, width)
        # where there is most to draw
        for slider in find("[data-live] input[type=range]"):
            at_end = lambda: slider.get_attribute("value") == slider.get_attribute("max")
            until_acts(lambda: keys(slider, "END"), at_end)
        assert driver.execute_script("return document.documentElement.scrollWidth") <= width
        small = "const s = document.querySelector('[data-live] svg'); return s.getBoundingClientRect().width/s.viewBox.baseVal.width"
        # so that 12 pixels of type stay 12 pixels
        assert driver.execute_script(small) > 0.95


@pytest.mark.parametrize("kind", PAGES)
def test_the_still_picture_stands_in_on_paper(driver, figure, kind):
    figure(kind)
    shown = "return ['.live-still', '.live-body'].map(s => getComputedStyle(document.querySelector('[data-live] ' + s)).display)"
    assert driver.execute_script(shown) == ["none", "block"]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert driver.execute_script(shown) == ["block", "none"]
    finally:
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    picture = (
        "const i = document.querySelector('[data-live] .live-still'); return [i.naturalWidth, i.alt.length]"
    )
    assert all(number > 40 for number in driver.execute_script(picture))


@pytest.mark.parametrize("by", ["mouse", "touch", "keyboard"])
def test_predictions_of_the_ruler_are_dragged(driver, until_acts, find, figure, by):
    says, now = figure("ruler", 1280 if by != "touch" else 390)
    for name in "pq":
        point = find(f"[data-live] [aria-label='prediction {name}']")[0]
        before, told = says(), point.get_attribute("aria-valuetext")

        def move():
            if by == "keyboard":
                keys(point, "ARROW_LEFT", "ARROW_UP")
            else:
                drag(driver, point, 20, -20, by)

        until_acts(move, lambda: says() != before and point.get_attribute("aria-valuetext") != told)


def test_the_ruler_measures_as_the_package_does(driver, figure):
    from taskdist_nb.fisher import fisher_rao, kl_divergence, step_length
    from taskdist_nb.widgets_ruler import ruler_lengths

    figure("ruler")
    random = np.random.default_rng(0)
    for _ in range(20):
        p, q = random.dirichlet([1, 1, 1], 2).clip(0.005)
        p, q = p / p.sum(), q / q.sum()
        found = driver.execute_script(
            "return document.querySelector('[data-live]').live.measure(...arguments)",
            p.tolist(),
            q.tolist(),
            7,
        )
        told = dict(
            kl=kl_divergence(np.log(p), np.log(q)).item(),
            step=step_length(p[None], q[None]),
            geodesic=fisher_rao(p, q).item(),
            read=ruler_lengths(p, q, 7)["in M steps"],
        )
        assert found == pytest.approx(told, rel=1e-6)


def test_relabellings_are_those_of_the_mantel_test(driver, until_acts, find, figure):
    from taskdist_nb.mantel import mantel
    from taskdist_nb.matrices import DistanceMatrix

    says, now = figure("mantel")
    a, b = (
        DistanceMatrix.from_csv(f"nbs/results/cifar100_study/{name}.csv")
        for name in ("coupled", "fine_tuning")
    )
    result = mantel(a, b)
    assert sorted(
        driver.execute_script("return document.querySelector('[data-live]').live.null")
    ) == pytest.approx(sorted(result.null), abs=1e-6)
    assert now()["r"] == pytest.approx(result.r, abs=1e-6)
    until_acts(lambda: keys(find("[data-live] input[type=range]")[0], "END"), lambda: "All 120" in says())
    assert now()["p"] == pytest.approx(result.pvalue) and f"= {result.pvalue:.3f}" in says()


def test_the_toy_is_solved_as_the_package_does(driver, figure):
    from taskdist_nb.widgets_toy import Toy, solve_toy

    figure("toy")
    for kind in ("displacement", "mixture"):
        for shift, width, speed in ((1.5, 1.5, 10), (0, 2, 1000), (3, 0.5, 100), (2, 1, 10_000), (3, 2, 1)):
            found = driver.execute_script(
                "return document.querySelector('[data-live]').live.solve(...arguments)",
                dict(shift=shift, width=width, kind=kind),
                speed,
            )
            told = solve_toy(Toy(shift, width, kind), float(speed))
            for name, atol in (
                ("best", 1e-5),
                ("best_lengths", 1e-5),
                ("lengths", 0.01),
                ("learner", 0.02),
                ("excess", 2e-3),
            ):
                assert np.abs(np.array(found[name]) - told[name]).max() < atol, (
                    kind,
                    shift,
                    width,
                    speed,
                    name,
                )


@pytest.mark.parametrize("by", ["mouse", "keyboard"])
def test_a_task_on_the_map_is_chosen(driver, until_acts, find, figure, by):
    from selenium.webdriver import ActionChains

    says, now = figure("map")
    for task in ("fish", "people"):
        spot = find(f"[data-live] [aria-label='choose {task} as the target']")[0]

        def choose():
            if by == "keyboard":
                keys(spot, "ENTER")
            else:
                ActionChains(driver).move_to_element(spot).click().perform()

        until_acts(choose, lambda: f"nearest source to {task} is" in says())
        assert now()["target"] == task and spot.get_attribute("aria-pressed") == "true"


def test_the_nearest_task_is_that_of_the_matrix_for_each_distance(until_acts, find, figure):
    from selenium.webdriver.support.ui import Select
    from taskdist_nb.matrices import DistanceMatrix

    says, now = figure("map")
    files = {
        "coupled": "coupled",
        "fine-tuning": "fine_tuning",
        "Wasserstein of features": "wasserstein_features",
        "OTDD": "otdd",
    }
    for name, file in files.items():
        until_acts(
            lambda: Select(find("[data-live] select")[0]).select_by_visible_text(name),
            lambda: says().startswith(f"By {name},"),
        )
        column = (
            DistanceMatrix.from_csv(f"nbs/results/cifar100_twenty/{file}.csv").mean["flowers"].drop("flowers")
        )
        assert now()["nearest"] == column.idxmin() and now()["distance"] == pytest.approx(
            column.min(), rel=1e-3
        )


def test_a_live_figure_moves_in_jupyterlab(driver, until_acts, find, settled, run_in_lab):
    resize(driver, 1280)
    run_in_lab("live.ipynb", "A live ruler", "from taskdist_nb.live import live_ruler\n\nlive_ruler()")
    settled(".jp-OutputArea [data-live=ruler].live-on svg")
    says = lambda: find(".jp-OutputArea [data-live] [role=status]")[0].text
    point, said = find("[data-live] [aria-label='prediction p']")[0], says()
    moved = until_acts(lambda: drag(driver, point, 30, -30), lambda: says() != said and says())
    until_acts(lambda: keys(point, "ARROW_LEFT"), lambda: says() != moved)
    assert from_here_only(driver) == []


def test_play_walks_to_the_end(until, until_acts, find, figure):
    says, now = figure("walk")
    start = now()
    play = find("[data-live] button")[0]
    # a second click would stop it
    until_acts(lambda: play.text == "Pause" or play.click(), lambda: now() != start)
    until(lambda _: says().startswith("τ = 1.00"))
    until(lambda _: play.text == "Play")
    assert now()["per_input"] > start["per_input"]


def test_lengths_of_turned_digits_are_those_of_the_table(until_acts, find, figure):
    import pandas as pd

    says, now = figure("turn")
    turn = lambda: keys(find("[data-live] input[type=range]")[0], "HOME", *["ARROW_RIGHT"] * 3)
    until_acts(turn, lambda: "turned by 15°" in says())
    table = pd.read_csv("nbs/results/known_answers/mnist.csv").query("dial == 15")
    assert list(now().values()) == pytest.approx(
        [table["coupled:per_input"].mean(), table["coupled:cross"].mean()], rel=1e-3
    )

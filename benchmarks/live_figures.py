"""How long does a live figure of the built site take to draw? Milliseconds of a drawing in a headless Chromium, beside the 16 ms of a frame.

Every figure on every page is drawn 40 times with its sliders at their ends, where there is most to draw and to compute. Printed is the quarter of the
drawings that was quicker: other work on the machine only adds. `make docs` builds the site; needed are Chromium, chromedriver and selenium.

    python benchmarks/live_figures.py [--site _docs/html]
"""

import argparse
import re
import shutil
from pathlib import Path

import pandas as pd
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

SITE = Path(__file__).parents[1] / "_docs" / "html"
WIDTHS = (1280, 390)  # a laptop and a phone, in pixels
FRAME = 16  # milliseconds
DRAWINGS = 40
MOVE = """document.querySelectorAll('[data-live] input[type=range]').forEach(slider => {
    slider.value = slider.max
    slider.dispatchEvent(new Event('input'))
  })"""
MEASURE = """const one = host => {
    const start = performance.now()
    ;(host.live.frame ?? host.live.draw)()
    host.getBoundingClientRect()
    return performance.now() - start
  }
  return [...document.querySelectorAll('[data-live]')].map(host => [host.dataset.live, [...Array(arguments[0])].map(() => one(host))])"""
READY = "const all = [...document.querySelectorAll('[data-live]')]; return all.length && all.every(host => host.live)"


def browser() -> Chrome:
    "A headless Chromium."
    options = ChromeOptions()
    options.binary_location = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))))
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu"):
        options.add_argument(flag)
    return Chrome(options, Service(shutil.which("chromedriver")))


def drawn(driver: Chrome, page: Path, width: int) -> dict[str, float]:
    "figure -> milliseconds of a drawing, on a page of this width."
    window = dict(width=width, height=850, deviceScaleFactor=1, mobile=width < 600)
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", window)
    driver.get(page.resolve().as_uri())
    WebDriverWait(driver, 120).until(lambda _: driver.execute_script(READY))
    driver.execute_script(MOVE)
    return {name: sorted(ms)[DRAWINGS // 4] for name, ms in driver.execute_script(MEASURE, DRAWINGS)}


def main(site: Path) -> pd.DataFrame:
    "A row for each figure of each page, a column for each width."
    pages = [p for p in sorted(site.rglob("*.html")) if re.search(r"<\w+ [^>]*data-live=\"", p.read_text())]
    if not pages:
        raise SystemExit(f"No page of {site} has a live figure; `make docs` builds the site.")
    driver, rows = browser(), []
    try:
        for page in pages:
            found = {width: drawn(driver, page, width) for width in WIDTHS}
            for name in found[WIDTHS[0]]:
                row = {"page": page.relative_to(site).with_suffix("").as_posix(), "figure": name}
                rows.append(row | {f"{width} px (ms)": found[width][name] for width in WIDTHS})
    finally:
        driver.quit()
    return pd.DataFrame(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--site", type=Path, default=SITE, help="the built site")
    table = main(parser.parse_args().site)
    print(table.round(1).to_string(index=False))
    slowest = table.iloc[:, 2:].to_numpy().max()
    print(f"{'PASS' if slowest < FRAME else 'SHORT'}: the slowest takes {slowest:.1f} of {FRAME} ms")

"""A headless Chromium, the built site on loopback, and a JupyterLab on loopback; all tests here are skipped, with the reason, where one is missing."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

SITE = Path(__file__).parents[2] / "_docs" / "html"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
WAIT = 120  # seconds, for a machine that is busy
PATIENCE = 5  # seconds after which a gesture without an effect is made again


def missing():
    "What a browser test needs and this machine lacks; '' if nothing."
    if not any(map(shutil.which, BROWSERS)):
        return "no Chromium; on Debian, as root: apt-get install chromium chromium-driver"
    if not shutil.which("chromedriver"):
        return "no chromedriver; on Debian, as root: apt-get install chromium-driver"
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "no selenium: pip install -e '.[browser]'"
    return ""


def pytest_collection_modifyitems(items):
    here, reason = Path(__file__).parent, missing()
    for item in items:
        if reason and item.path.is_relative_to(here):
            item.add_marker(pytest.mark.skip(reason=f"browser test not run: {reason}"))


@pytest.fixture(scope="session")
def driver(tmp_path_factory):
    "A fresh browser that knows no host but this one."
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = next(filter(None, map(shutil.which, BROWSERS)))
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    browser = Chrome(options, Service(shutil.which("chromedriver")))
    browser.set_page_load_timeout(WAIT)
    browser.set_window_size(1280, 900)
    yield browser
    browser.quit()


@pytest.fixture
def until(driver):
    "Wait until a function of the browser gives something true, and return that. An element that is not there yet is waited for."
    from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
    from selenium.webdriver.support.ui import WebDriverWait

    absent = (NoSuchElementException, StaleElementReferenceException, IndexError)
    return lambda true, seconds=WAIT: WebDriverWait(driver, seconds, 0.25, absent).until(true)


@pytest.fixture
def until_acts(until):
    """Make a gesture until it acts, and return what `changed` gives then: a page that is still being laid out loses a click, a drag or a key.

    A gesture comes again while `changed` gives nothing. So one that undoes itself, such as a click on a tick, first looks whether it was made.
    Each wait is twice as long as the one before: what a gesture starts anew is given the time to end.
    """
    from selenium.common.exceptions import (
        ElementClickInterceptedException,
        ElementNotInteractableException,
        MoveTargetOutOfBoundsException,
        StaleElementReferenceException,
        TimeoutException,
    )

    # ways to miss what is about to move, to be covered or to go
    missed = (
        ElementClickInterceptedException,
        ElementNotInteractableException,
        MoveTargetOutOfBoundsException,
        StaleElementReferenceException,
        IndexError,
    )

    def act(gesture, changed, patience=PATIENCE):
        give_up = time.monotonic() + WAIT
        while time.monotonic() < give_up:
            with suppress(*missed):
                gesture()
            with suppress(TimeoutException):
                return until(lambda _: changed(), patience)
            patience *= 2
        raise TimeoutException(f"a gesture made again and again for {WAIT} s did not act")

    return act


@pytest.fixture
def find(driver):
    "All elements that a CSS selector finds."
    return lambda selector: driver.find_elements("css selector", selector)


@pytest.fixture
def settled(until, find):
    "The first element that a CSS selector finds, once it lies where it lay a look before."

    def wait(selector):
        seen = []

        def still(_):
            element = find(selector)[0]
            seen.append(element.rect)
            return len(seen) > 1 and seen[-1] == seen[-2] and element.is_displayed() and element

        return until(still)

    return wait


@pytest.fixture(scope="session")
def site():
    "Address of the built site."
    if not (SITE / "index.html").exists():
        pytest.skip("browser test not run: no site; `make docs` builds it")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=SITE))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(url, process):
    "Until a server answers, or has died."
    for _ in range(WAIT * 4):
        if process.poll() is not None:
            raise RuntimeError(f"JupyterLab ended with status {process.returncode}")
        try:
            return urllib.request.urlopen(url, timeout=5).read()
        except OSError:
            time.sleep(0.25)
    raise TimeoutError(f"no answer from {url}")


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    "A JupyterLab on loopback in a folder of its own. -> (address, folder)"
    folder, home, port = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("jupyter"), free_port()
    flags = [
        "--no-browser",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={folder}",
        "--IdentityProvider.token=",
        "--ServerApp.password=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
    ]
    if hasattr(os, "getuid") and os.getuid() == 0:
        flags.append("--allow-root")
    places = {f"JUPYTER_{kind}_DIR": str(home / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    (home / "config" / "labconfig").mkdir(parents=True)
    (home / "config" / "labconfig" / "page_config.json").write_text(
        '{"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": true}}'
    )
    environment = dict(
        os.environ,
        **places,
        IPYTHONDIR=str(home / "ipython"),
        JUPYTERLAB_SETTINGS_DIR=str(home / "lab"),
        JUPYTERLAB_WORKSPACES_DIR=str(home / "lab"),
    )
    with open(home / "log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *flags], env=environment, stdout=log, stderr=log
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/api", process)
            yield f"http://127.0.0.1:{port}", folder
        finally:
            process.terminate()
            try:
                process.wait(WAIT)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture
def run_in_lab(driver, until, until_acts, find, lab):
    "Write a notebook of one cell of code, open it in JupyterLab and choose Run All Cells, as a reader would."
    from selenium.webdriver import ActionChains, Keys

    def open_menu():
        "With Escape first, for a second click would close it."
        ActionChains(driver).send_keys(Keys.ESCAPE).perform()
        menu = [item for item in find(".lm-MenuBar-item") if item.text.strip() == "Run"][0]
        ActionChains(driver).move_to_element(menu).click().perform()

    def run_all():
        command = ".lm-Menu-item[data-command='runmenu:run-all']"
        until_acts(open_menu, lambda: [item for item in find(command) if item.is_displayed()])[0].click()

    def started():
        "Is a prompt [*] or [1]?"
        return any(prompt.text.strip("[]: ") for prompt in find(".jp-Notebook .jp-InputArea-prompt"))

    def run(name, title, code):
        address, folder = lab
        cells = [
            new_markdown_cell(f"# {title}"),
            new_code_cell(code),
            new_code_cell("'all cells', 'have run'"),
        ]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), folder / name)
        # reset: no notebook of another test stays open
        driver.get(f"{address}/lab/tree/{name}?reset")
        idle = ".jp-Notebook-ExecutionIndicator[data-status=idle]"
        until(lambda _: find(".jp-Notebook .jp-Cell") and find(idle))
        until_acts(run_all, started, patience=20)
        until(lambda _: "have run" in find(".jp-Notebook")[0].text)

    return run

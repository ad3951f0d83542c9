"""Times of the leaderboard in headless Chromium, on a database of any size.

    python tests/benchmarks/board_data.py big.db
    python tests/benchmarks/board_speed.py big.db --sessions 20

Seconds on the wall are from the click to the finished page; processor seconds of the server stand
beside them, which other programs on the machine disturb less. Then so many sessions open the pages
at once, and every error is counted.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PAGES = ("", "compare", "pairs", "methods", "metrics", "datasets", "papers")
TIMEOUT = 60_000
# Of a second, what a server needs that nobody asks anything.
_IDLE = 0.05
_TICKS = os.sysconf("SC_CLK_TCK")
# Streamlit's own word for a script that has run, and elements that are no longer being replaced.
_DONE = """() => {
  const app = document.querySelector('[data-testid="stApp"]');
  return app && app.getAttribute('data-test-script-state') === 'notRunning'
    && app.getAttribute('data-test-connection-state') === 'CONNECTED'
    && document.querySelector('[data-testid="stMain"] h2')
    && !document.querySelector('[data-stale="true"], [data-testid="stSkeleton"]');
}"""


@contextmanager
def served(database: str) -> Iterator[tuple[str, int]]:
    """Serve the leaderboard; give its address and process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = "from fusebench.bench.cli import main; main()"
    command = [sys.executable, "-c", script, "leaderboard", "--db", database, "--no-browser"]
    process = subprocess.Popen(
        [*command, "--port", str(port)], start_new_session=True, stdout=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            with suppress(OSError):
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=2).close()
                break
            time.sleep(0.2)
        yield url, process.pid
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def processor_seconds(pid: int) -> float:
    """Give the processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident(pid: int) -> float:
    """Give the memory of a process in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6


def settled(page: Page) -> None:
    """Wait until the page stands."""
    page.wait_for_function(_DONE, polling=20, timeout=TIMEOUT)


def rested(pid: int) -> None:
    """Wait until a process has done nothing for a second, or for a minute."""
    for _ in range(60):
        before = processor_seconds(pid)
        time.sleep(1)
        if processor_seconds(pid) - before < _IDLE:
            return


# Seconds from the last key or button that was pressed to the page that stands, as the browser sees
# it: what the test takes to find what it presses does not count.
_WATCH = """() => {
  for (const kind of ['pointerdown', 'keydown'])
    document.addEventListener(kind, () => { window.pressed = performance.now(); }, true);
}"""
_ELAPSED = """([done, expect]) => new Promise(resolve => {
  const stands = eval(done);
  const look = () => {
    const main = document.querySelector('[data-testid="stMain"]');
    if (window.pressed !== null && main.textContent.includes(expect) && stands())
      resolve((performance.now() - window.pressed) / 1000);
    else requestAnimationFrame(look);
  };
  look();
})"""


def timed(name: str, pid: int, page: Page, act: Callable[[], object], expect: str = "") -> None:
    """Act, wait for a text and for the page to stand, and print how long it took."""
    before, start = processor_seconds(pid), time.perf_counter()
    act()
    if expect:
        page.get_by_text(expect).first.wait_for(timeout=TIMEOUT)
    settled(page)
    wall = time.perf_counter() - start
    print(f"{name:34s} {wall:7.2f} {processor_seconds(pid) - before:7.2f}", flush=True)


def changed(name: str, pid: int, page: Page, act: Callable[[], object], expect: str) -> None:
    """Change a filter, and print how long the page took from the last press on."""
    settled(page)
    page.evaluate("window.pressed = null")
    before = processor_seconds(pid)
    act()
    wall = page.evaluate(_ELAPSED, [_DONE, expect])
    print(f"{name:34s} {wall:7.2f} {processor_seconds(pid) - before:7.2f}", flush=True)


def one_session(browser: Browser, url: str, pid: int) -> None:
    """Time the first page, the ranking and changes of its filters."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(TIMEOUT)
    chosen = page.locator('[data-testid="stMultiSelect"] input').first

    def choose(dataset: str) -> Callable[[], None]:
        def act() -> None:
            page.locator('[data-testid="stSelectbox"] input').first.click()
            page.get_by_role("option", name=dataset, exact=True).click()

        return act

    def press(label: str) -> Callable[[], None]:
        return page.get_by_role("button", name=label, exact=True).click

    def less() -> None:
        chosen.click()
        chosen.press("Backspace")

    def more() -> None:
        page.keyboard.press("Escape")
        chosen.click()
        page.get_by_role("option", name="EN", exact=True).click()

    print(f"{'':34s} {'wall s':>7s} {'CPU s':>7s}")
    timed("first page", pid, page, lambda: page.goto(url))
    timed("first page, again", pid, page, lambda: page.goto(url))
    # What the server reads ahead is read while a visitor looks at the first page.
    timed("reading ahead, in the background", pid, page, lambda: rested(pid))
    timed("ranking", pid, page, lambda: page.goto(f"{url}/ranking"), "ranks over")
    page.evaluate(_WATCH)
    text = page.get_by_text("ranks over").first.inner_text()
    count = int(text.partition("ranks over ")[2].split()[0])
    title = "Infrared-visible: made_up:"
    ranks = "ranks over {} metrics".format
    changed("one metric less", pid, page, less, ranks(count - 1))
    changed("one metric more", pid, page, more, ranks(count))
    page.keyboard.press("Escape")
    for i in (1, 2, 0):
        changed(f"dataset {i}", pid, page, choose(f"made_up:{i}"), f"{title}{i}")
    for name in ("", ", again"):
        changed(f"all metrics{name}", pid, page, press("All"), ranks(36))
        changed(f"main metrics{name}", pid, page, press("Main"), ranks(count))
    press("All")()
    settled(page)
    for i in (1, 0):
        changed(f"dataset {i}, all metrics", pid, page, choose(f"made_up:{i}"), f"{title}{i}")
    changed("one of all metrics less", pid, page, less, ranks(35))
    page.context.close()


def many_sessions(browser: Browser, url: str, pid: int, count: int) -> int:
    """Open pages in many sessions at once, and give the number of errors."""
    errors: list[str] = []
    pages = []
    start = time.perf_counter()
    for i in range(count):
        page = browser.new_context().new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{url}/{PAGES[i % len(PAGES)]}", wait_until="commit", timeout=TIMEOUT)
        pages.append(page)
    for page in pages:
        settled(page)
        found = page.locator('[data-testid="stException"], [data-testid="stAlertContentError"]')
        errors += [f"{page.url}: {text}" for text in found.all_inner_texts()]
    print(
        f"{count} sessions: {time.perf_counter() - start:.1f} s, {len(errors)} errors, "
        f"server {resident(pid):.0f} MB"
    )
    for page in pages:
        page.context.close()
    print("\n".join(errors))
    return len(errors)


def main() -> None:
    """Read the command line."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("database")
    parser.add_argument("--sessions", type=int, default=20)
    given = parser.parse_args()
    with served(given.database) as (url, pid), sync_playwright() as playwright:
        path = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        one_session(browser, url, pid)
        failed = many_sessions(browser, url, pid, given.sessions)
        browser.close()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

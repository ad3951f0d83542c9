"""The leaderboard as people see it: served by the command, opened in headless Chromium."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from leaderboard_data import HOSTILE, REASON, tiny_database

from fusebench.bench.store import Store
from fusebench.leaderboard.app_choices import PAGES
from fusebench.leaderboard.site import build_site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH"),
    pytest.mark.skipif(
        importlib.util.find_spec("playwright") is None, reason="playwright is not installed"
    ),
]
WIDTHS = (1280, 400)
# Texts whose contrast with what is behind them is below 4.5 to 1.
_LOW_CONTRAST = """() => {
    const light = c => {
        const [r, g, b] = c.map(v => (v /= 255) <= 0.04045 ? v / 12.92
                                                          : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const rgba = text => {
        const [r, g, b, a = 1] = text.match(/[0-9.]+/g).map(Number);
        return [r, g, b, a];
    };
    const over = (top, below) => below.map((v, i) => top[i] * top[3] + v * (1 - top[3]));
    const behind = element => {
        const layers = [];
        for (let e = element; e; e = e.parentElement)
            layers.push(rgba(getComputedStyle(e).backgroundColor));
        return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
    };
    const main = '[data-testid="stMainBlockContainer"] ';
    const found = [];
    for (const element of document.querySelectorAll(main + ':is(p, h2, h3, label, td, th)')) {
        if (!element.innerText.trim() || element.closest('[disabled]')) continue;
        const back = behind(element);
        const front = over(rgba(getComputedStyle(element).color), back);
        const [dim, bright] = [light(front), light(back)].sort((x, y) => x - y);
        const contrast = (bright + 0.05) / (dim + 0.05);
        if (contrast < 4.5) found.push([element.innerText.slice(0, 40), contrast]);
    }
    return found;
}"""


@contextmanager
def served(folder: Path, base: str = "") -> Iterator[str]:
    """Serve a tiny database from an empty folder, at a base path where one is given."""
    environment = {
        **os.environ,
        "FUSEBENCH_CACHE": str(folder / "cache"),
        "STREAMLIT_SERVER_BASE_URL_PATH": base,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSEBENCH_CACHE", environment["FUSEBENCH_CACHE"])
        database = tiny_database(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = "from fusebench.bench.cli import main; main()"
    command = [sys.executable, "-c", script, "leaderboard", "--db", database, "--port", str(port)]
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--no-browser"],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            url = f"http://127.0.0.1:{port}{base}"
            _wait_for(f"{url}/_stcore/health", process, folder / "log.txt")
            yield url
        finally:
            # The command and the server that it started.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("board")) as url:
        yield url


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError):
            urllib.request.urlopen(url, timeout=2).close()
            return
        time.sleep(0.2)
    pytest.fail(f"the server did not start: {log.read_text()}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield opened
        opened.close()


@contextmanager
def watched(browser: Browser, server: str) -> Iterator[Page]:
    """A page that fails the test if anything is in the console, missing or from elsewhere."""
    problems: list[str] = []
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.on("pageerror", lambda error: problems.append(f"script: {error}"))
    page.on("dialog", lambda dialog: problems.append(f"dialog: {dialog.message}"))
    page.on(
        "console",
        lambda message: (
            problems.append(f"{message.type}: {message.text}")
            if message.type in ("error", "warning")
            else None
        ),
    )
    page.on(
        "response",
        lambda response: (
            problems.append(f"{response.status} {response.url}") if response.status >= 400 else None
        ),
    )
    page.on(
        "request",
        lambda request: (
            problems.append(f"fetched {request.url}")
            if not request.url.startswith((server, server.replace("http", "ws"), "data:", "blob:"))
            else None
        ),
    )
    page.set_default_timeout(60_000)
    yield page
    page.context.close()
    assert not problems


@pytest.fixture
def page(browser: Browser, server: str) -> Iterator[Page]:
    with watched(browser, server) as page:
        yield page


def show(page: Page, url: str) -> None:
    page.goto(url)
    settle(page)


def settle(page: Page) -> None:
    """Wait until the script has run and its elements are there."""
    page.wait_for_timeout(300)
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()
    page.locator("h2").first.wait_for()
    assert page.locator('[data-testid="stException"]').count() == 0
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0, f"{page.url} is {wide} pixels wider than the window"


def text_of(page: Page) -> str:
    return page.locator('[data-testid="stMainBlockContainer"]').inner_text()


def wait_for_text(page: Page, text: str) -> None:
    """Wait until the page says something; a slow machine shows elements one after the other."""
    from playwright.sync_api import expect

    main = page.locator('[data-testid="stMainBlockContainer"]')
    expect(main).to_contain_text(text, timeout=60_000, use_inner_text=True)


def cells(page: Page) -> list[str]:
    """Texts of the first table, which is drawn on a canvas, from its copy for screen readers."""
    page.locator("canvas [role=gridcell], canvas td").first.wait_for(state="attached")
    return page.locator("canvas").first.locator("[role=gridcell], td").all_text_contents()


def click_cell(page: Page, row: int, x: float) -> None:
    """Click a row of the first table, 0 being its heading, `x` pixels from its left edge."""
    box = page.locator('[data-testid="stDataFrame"] canvas').first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + x, box["y"] + 35 * row + 17)
    settle(page)


@pytest.mark.parametrize("width", WIDTHS)
def test_first_visit_may_be_to_any_page(page: Page, server: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    show(page, f"{server}/methods?method=LP")
    # The links at the top are there although the visit did not begin at the ranking.
    for name in ("Ranking", "Pairs", "Methods", "Datasets"):
        page.get_by_role("link", name=name, exact=True).first.wait_for()
    for text in ("Laplacian pyramid", "Options", "Rank 1 of 2", "Failures (0)"):
        wait_for_text(page, text)
    assert page.locator('a[href^="https://doi.org/"]').count() == 1
    # Tables are drawn when they come into view.
    runs = page.locator(".st-key-runs")
    runs.scroll_into_view_if_needed()
    runs.locator("[role=gridcell], td", has_text="by hand").wait_for(state="attached")


@pytest.mark.parametrize("title", PAGES)
def test_every_page_opens_and_reloads_with_nothing_in_the_console(
    page: Page, server: str, title: str
) -> None:
    """The fixture looks at the console; the client finds its server at the first try."""
    open_and_reload(page, server, title)


def open_and_reload(page: Page, url: str, title: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    name = "" if title == PAGES[0] else title.lower()
    show(page, f"{url}/{name}?task=mff")
    page.reload()
    settle(page)
    assert page.title() == f"{title} · fusebench"
    assert page.url.startswith(f"{url}/{name}?")
    for probe in ("health", "host-config"):
        assert [u for u in asked if u.endswith(probe)] == [f"{url}/_stcore/{probe}"] * 2


def test_pages_below_a_base_path(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path, "/below/it") as url, watched(browser, url) as page:
        open_and_reload(page, url, "Overview")
        open_and_reload(page, url, "Ranking")
        page.get_by_role("link", name="Pairs", exact=True).click()
        page.get_by_label("Pair (3)").wait_for()
        assert page.url.startswith(f"{url}/pairs?")


@pytest.mark.parametrize("width", WIDTHS)
def test_datasets(page: Page, server: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    show(page, f"{server}/datasets?data=tno")
    for text in ("TNO Image Fusion Dataset", "free for research", "Marne_01 is shifted"):
        wait_for_text(page, text)
    show(page, f"{server}/datasets?data=folder")
    page.get_by_role("button", name="Check folder:ivif").click()
    page.locator("canvas [role=gridcell], canvas td", has_text="48").first.wait_for(
        state="attached"
    )


@pytest.mark.parametrize("width", WIDTHS)
def test_ranking(page: Page, server: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    show(page, f"{server}/ranking?task=mff&metrics=qabf,vif")
    shown = cells(page)
    assert shown.index("LP") < shown.index("Average") < shown.index(HOSTILE)
    text = text_of(page)
    assert "Ranked by the mean of the ranks over 2 metrics" in text
    assert f"{HOSTILE}: 2 of 3 pairs, 1 failed" in text
    assert "folder:mff" in text
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    assert download.value.suggested_filename == "fusebench-folder-mff-mff-canonical.csv"
    assert "LP" in Path(download.value.path()).read_text()


@pytest.mark.parametrize("width", WIDTHS)
def test_pairs_at_one_scale(page: Page, server: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    show(page, f"{server}/pairs?task=mff&pair=two&metrics=qabf")
    images = page.locator('[data-testid="stImage"] img')
    images.nth(4).wait_for()
    widths = {images.nth(i).evaluate("image => image.clientWidth") for i in range(images.count())}
    assert images.count() == 5
    assert len(widths) == 1, f"images at different scales: {widths}"
    loaded = [images.nth(i).evaluate("image => image.naturalWidth") for i in range(5)]
    assert loaded == [64] * 5, "the pixels themselves, neither resized nor lossy"
    text = text_of(page)
    for part in ("a: near focus", "b: far focus", "reference", "0.7100¹", HOSTILE, REASON):
        assert part in text, part
    assert page.locator("td strong").all_inner_texts() == ["0.7100¹"]


def test_choices_live_in_the_link(page: Page, server: str) -> None:
    show(page, f"{server}/ranking")
    page.get_by_text("Multi-focus", exact=True).click()
    settle(page)
    page.get_by_role("button", name="All", exact=True).click()
    settle(page)
    assert "task=mff" in page.url
    assert "metrics=all" in page.url
    page.reload()
    settle(page)
    wait_for_text(page, "over 5 metrics")
    page.get_by_role("link", name="Pairs", exact=True).click()
    page.get_by_label("Pair (3)").wait_for()
    settle(page)
    assert "metrics=all" in page.url
    page.get_by_role("button", name="chevron_right").click()
    settle(page)
    assert "pair=three" in page.url
    page.reload()
    settle(page)
    wait_for_text(page, "three: 64 × 48 pixels")
    page.go_back()
    settle(page)
    page.get_by_text("one: 64 × 48 pixels").wait_for()


def test_cells_lead_to_what_is_behind_them(page: Page, server: str) -> None:
    show(page, f"{server}/ranking?task=mff&metrics=qabf,ssim")
    cells(page)
    box = page.locator('[data-testid="stDataFrame"] canvas').first.bounding_box()
    assert box is not None
    # Left in its column: the menu of a heading is on the right.
    ssim = 0.61 * box["width"]
    # Sorted by SSIM, falling: the row that is clicked is not the one with that number.
    click_cell(page, 0, ssim)
    click_cell(page, 0, ssim)
    click_cell(page, 2, ssim)
    page.get_by_role("link", name="About Average").wait_for()
    page.get_by_role("link", name="Its weakest pair by SSIM").click()
    page.get_by_text("one: 64 × 48 pixels").wait_for()
    settle(page)
    assert "method=Average" in page.url
    text = text_of(page)
    assert text.index("Average") < text.index("LP"), "the chosen method comes first"


def test_hostile_names_stay_text(page: Page, server: str) -> None:
    name = quote(HOSTILE, safe="")
    for path in ("ranking", "pairs", "methods", "runs"):
        show(page, f"{server}/{path}?task=mff&pair=two&method={name}&dataset={name}")
        wait_for_text(page, HOSTILE)
        main = page.locator('[data-testid="stMainBlockContainer"]')
        assert main.locator('script, a[href^="http://example.org"], .katex').count() == 0, path
        assert main.locator("strong", has_text="bold").count() == 0, path
    show(page, f"{server}/ranking?task=mff")
    cells(page)
    click_cell(page, 3, 80)
    link = page.locator('[data-testid="stPageLink"]', has_text="About <script>")
    assert HOSTILE in link.inner_text()


def test_charts_of_a_metric(page: Page, server: str) -> None:
    """Those whose size comes of their rows, too, are drawn without a word in the console."""
    show(page, f"{server}/metrics?task=mff&metric=qabf")
    page.get_by_text("All metrics", exact=True).click()
    settle(page)
    charts = page.locator('[data-testid="stVegaLiteChart"]')
    charts.nth(4).wait_for(state="attached")
    for i in range(5):
        charts.nth(i).scroll_into_view_if_needed()
        charts.nth(i).locator("svg.marks").wait_for()


@pytest.mark.parametrize("width", WIDTHS)
def test_overview(page: Page, server: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    show(page, server)
    for text in ("Multi-focus: folder:mff", "2 of 3 methods ranked", "First: LP"):
        wait_for_text(page, text)
    page.get_by_text("Infrared-visible", exact=True).click()
    settle(page)
    assert "task=ivif" in page.url
    page.reload()
    settle(page)
    wait_for_text(page, "Infrared-visible: folder:ivif")
    assert "folder:mff" not in text_of(page)
    card = page.locator('[class*="st-key-card"]')
    card.get_by_role("link", name="Ranking").click()
    page.get_by_role("heading", name="Ranking").wait_for()
    assert "dataset=folder%3Aivif" in page.url


@pytest.mark.parametrize("width", WIDTHS)
def test_runs(page: Page, server: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    show(page, f"{server}/runs")
    assert "by hand" in cells(page)
    wait_for_text(page, f"1 × {REASON}")
    # A click on a heading sorts.
    click_cell(page, 0, 25)
    show(page, f"{server}/runs?run=1")
    for text in ("1 workers", "What it made", "Machine and libraries"):
        wait_for_text(page, text)


@pytest.mark.parametrize("width", WIDTHS)
def test_maps_and_zoom_in_step(page: Page, server: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    show(page, f"{server}/pairs?task=mff&pair=one&metrics=qabf")
    page.get_by_text("SSIM", exact=True).last.click()
    settle(page)
    wait_for_text(page, "in the window around each pixel")
    page.get_by_text("4×", exact=True).click()
    settle(page)
    assert "map=ssim" in page.url
    assert "zoom=4" in page.url
    across = page.get_by_role("slider", name="Across")
    across.focus()
    across.press("Home")
    settle(page)
    page.wait_for_url("**across=0**")
    tiles = page.locator('.st-key-zoomed [class*="st-key-tile"] img')
    tiles.nth(5).wait_for()
    assert tiles.count() == 6
    natural = {
        tuple(tiles.nth(i).evaluate("image => [image.naturalWidth, image.naturalHeight]"))
        for i in range(6)
    }
    assert natural == {(16, 12)}, "the same detail of every image and map"
    page.reload()
    settle(page)
    wait_for_text(page, "in the window around each pixel")
    across = page.get_by_role("slider", name="Across")
    assert across.evaluate("e => e.getAttribute('aria-valuenow') ?? e.value") == "0"


@pytest.mark.parametrize("width", WIDTHS)
def test_heat_map_and_origins(page: Page, server: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    show(page, f"{server}/ranking?task=mff&metrics=all&origin=reimplemented")
    wait_for_text(page, "2 of 3 methods shown")
    page.get_by_text("Heat-map", exact=True).click()
    settle(page)
    # It is drawn when it comes into view.
    page.locator(".st-key-heat").scroll_into_view_if_needed()
    page.locator(".st-key-heat svg.marks").wait_for()
    assert "show=heat" in page.url
    assert "origin=reimplemented" in page.url


@pytest.mark.parametrize("width", WIDTHS)
def test_comparison(page: Page, server: str, width: int) -> None:
    from playwright.sync_api import expect

    page.set_viewport_size({"width": width, "height": 900})
    show(page, f"{server}/compare?task=mff&methods=LP|Average&metric=ssim")
    for text in ("Profile", "Who beats whom", "Quality against time", "on the line LP and Average"):
        wait_for_text(page, text)
    charts = page.locator('[data-testid="stVegaLiteChart"]')
    expect(charts).to_have_count(5, timeout=60_000)
    for i in range(5):
        # They are drawn when they come into view.
        charts.nth(i).scroll_into_view_if_needed()
        charts.nth(i).locator("svg.marks").wait_for()


def test_submission_is_explained_and_not_offered(page: Page, server: str) -> None:
    show(page, f"{server}/submit?task=mff")
    wait_for_text(page, "This board takes no uploads")
    wait_for_text(page, "fusebench score --dataset folder:mff")
    assert page.locator('input[type="file"]').count() == 0


def test_keyboard_alone_leads_through_the_board(page: Page, server: str) -> None:
    """Every link of the menu is reached by Tab, shows that it has the focus, and opens by Enter."""
    show(page, server)
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        label, outlined = page.evaluate(
            """() => {
                const e = document.activeElement, s = getComputedStyle(e);
                const ring = s.outlineStyle !== "none" || s.boxShadow !== "none";
                return [e.innerText.trim(), ring || s.backgroundColor !== "rgba(0, 0, 0, 0)"];
            }"""
        )
        if label in ("Overview", "Ranking", "Compare", "Pairs", "Runs", "Submit"):
            assert outlined, f"{label} does not show that it has the focus"
            reached.append(label)
        if label == "Submit":
            break
    assert reached == ["Overview", "Ranking", "Compare", "Pairs", "Runs", "Submit"]
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Submit").wait_for()
    # A choice by keyboard: the next segment of the task.
    show(page, f"{server}/ranking?task=ivif")
    segment = page.get_by_role("radio", name="Multi-focus")
    segment.focus()
    segment.press("Space")
    settle(page)
    page.wait_for_url("**task=mff**")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_in_both_schemes(browser: Browser, server: str, scheme: str) -> None:
    """WCAG's contrast of 4.5 for the text of menus, captions and headings."""
    context = browser.new_context(color_scheme=scheme, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    for path in ("", "ranking?task=mff", "pairs?task=mff&map=qabf", "runs?run=1", "submit"):
        show(page, f"{server}/{path}")
        low = page.evaluate(_LOW_CONTRAST)
        for _ in range(20):
            # Colours fade from one to the other.
            if not low:
                break
            page.wait_for_timeout(250)
            low = page.evaluate(_LOW_CONTRAST)
        assert low == [], f"{path}: {low}"
    context.close()


def test_static_site_opens_from_a_disk(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No server, no script that fails, nothing that is not in the folder."""
    monkeypatch.setenv("FUSEBENCH_CACHE", str(tmp_path / "cache"))
    with closing(Store.open(tiny_database(tmp_path), create=False)) as store:
        build_site(store, tmp_path / "site")
    problems: list[str] = []
    page = browser.new_context().new_page()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("dialog", lambda dialog: problems.append(dialog.message))
    page.on("requestfailed", lambda request: problems.append(request.url))
    page.on(
        "request",
        lambda request: (
            None if request.url.startswith(("file:", "data:")) else problems.append(request.url)
        ),
    )
    page.goto((tmp_path / "site" / "index.html").as_uri())
    page.get_by_role("link", name="folder:mff").first.click()
    names = page.locator("#ranking tbody td.name")
    assert names.all_inner_texts()[:2] == ["LP", "Average"]
    page.locator("#ranking th", has_text="SSIM").first.locator("button").click()
    # Rising: the worst of the two comes before the better.
    assert names.all_inner_texts().index("LP") < names.all_inner_texts().index("Average")
    page.locator("#ranking th", has_text="SSIM").first.locator("button").click()
    assert names.all_inner_texts().index("LP") > names.all_inner_texts().index("Average")
    page.context.close()
    assert not problems

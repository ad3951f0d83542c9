"""Take the pictures of the leaderboard in docs/images again.

Needs Chromium on PATH, and Playwright (``pip install -e .[dev]``):

    python docs/screenshots.py            # of the published results, and of the demo, which it runs
    python docs/screenshots.py --db my.db # with results of your own
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

FOLDER = Path(__file__).resolve().parent / "images"
COMMAND = [sys.executable, "-c", "from fusebench.bench.cli import main; main()"]
PUBLISHED = {"leaderboard.png": "/ranking?task=ivif&dataset=tno:25"}
PICTURES = {
    "overview.png": "/",
    "pairs.png": "/pairs?task=mff&pair=mff_coffee&size=small&metrics=psnr_ref,qabf,vif,ssim",
    "method.png": "/methods?method=GFF",
}
# Higher pictures are cut: readers of a README scroll past them.
_HEIGHT = 978


@contextmanager
def served(database: str | None) -> Iterator[str]:
    """Serve a leaderboard, of the demo by default, and stop it at the end."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        environment = dict(os.environ)
        if database is None:
            database = str(Path(folder) / "demo.db")
            environment["FUSEBENCH_CACHE"] = str(Path(folder) / "cache")
            subprocess.run([*COMMAND, "run", "demo", "--db", database], env=environment, check=True)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        process = subprocess.Popen(
            [*COMMAND, "leaderboard", "--db", database, "--port", str(port), "--no-browser"],
            env=environment,
            start_new_session=True,
        )
        try:
            _wait_for(f"http://127.0.0.1:{port}/_stcore/health")
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_for(url: str) -> None:
    for _ in range(400):
        with suppress(OSError):
            urllib.request.urlopen(url, timeout=2).close()
            return
        time.sleep(0.3)
    raise SystemExit("the server did not start")


def take(page: Page, url: str, target: Path) -> None:
    """Take one picture, as high as its page, with few enough colours for a README."""
    page.set_viewport_size({"width": 1280, "height": _HEIGHT})
    page.goto(url)
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()
    page.wait_for_timeout(2500)
    main = page.locator('[data-testid="stMainBlockContainer"]')
    height = min(_HEIGHT, int(main.evaluate("main => main.scrollHeight")))
    shot = page.screenshot(clip={"x": 0, "y": 0, "width": 1280, "height": height})
    with Image.open(BytesIO(shot)) as picture:
        few = picture.convert("RGB").quantize(256, dither=Image.Dither.FLOYDSTEINBERG)
        few.save(target, optimize=True)
    print(f"{target}: {target.stat().st_size // 1000} kB")


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description="Take the pictures of the leaderboard again.")
    parser.add_argument("--db", help="database to show in their place")
    database = parser.parse_args().db
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise SystemExit("there is no chromium on PATH")
    FOLDER.mkdir(exist_ok=True)
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        page = browser.new_page()
        for source, pictures in ((database or "published", PUBLISHED), (database, PICTURES)):
            with served(source) as address:
                for name, path in pictures.items():
                    take(page, address + path, FOLDER / name)
        browser.close()


if __name__ == "__main__":
    main()

"""The page in a real browser, with a real engine and real edits of a small scene of splats."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from editor3d.studio.build import PAGE, is_built

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install editor3d[dev]")
CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not os.environ.get("EDITOR3D_BROWSER_TESTS"),
        reason="drives a browser for minutes: set EDITOR3D_BROWSER_TESTS=1",
    ),
    pytest.mark.skipif(not CHROMIUM, reason="needs a browser: apt-get install chromium"),
    pytest.mark.skipif(not is_built(), reason="the page is not built: make studio"),
]
SECONDS = 180_000
"""The longest wait for anything, milliseconds; an idle machine needs a small part of it."""


class Running:
    """A studio that was started as a command; started again, it takes up its folder."""

    def __init__(self, home: Path, data: str | None) -> None:
        self.home = home
        self.start(data)

    def start(self, data: str | None = None) -> None:
        words = ["studio", *([data] if data else []), "--no-browser", "--folder", str(self.home / "history")]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "editor3d.cli", *words, "--output", str(self.home / "runs")],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.home,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+/#\S+", line)
        assert found, line + self.process.stdout.read()
        self.url = found[0]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo, reconstructed small: its kept base in a folder of runs."""
    from editor3d.datasets.demo import demo_path
    from editor3d.edit_config import Source, reconstruct

    home = tmp_path_factory.mktemp("studio")
    run = reconstruct(Source(demo_path(), 2), "splat", 60, home / "runs")
    assert run is not None
    return run


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        # in a container Chromium has no sandbox of its own for root
        words = ["--no-sandbox"] if os.getuid() == 0 else []
        opened = started.chromium.launch(executable_path=CHROMIUM, args=words)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def studio(base: Path) -> Iterator[Running]:
    running = Running(base.parents[3], str(base))
    yield running
    running.kill()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[[str], Any]]:
    """Opens pages; whatever a page complains of fails the test."""
    contexts, complaints = [], []

    def go(url: str) -> Any:
        context = browser.new_context(viewport={"width": 1280, "height": 720}, reduced_motion="reduce")
        context.set_default_timeout(SECONDS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(url)
        return page

    yield go
    for context in contexts:
        context.close()
    assert complaints == []


def say(page: Any, instruction: str) -> None:
    page.fill("#instruction", instruction)


def edit(page: Any, instruction: str) -> None:
    """From the instruction to the edit's start."""
    say(page, instruction)
    page.locator("#said:has-text('Changes')").wait_for()
    page.get_by_role("button", name="Preview", exact=True).click()
    page.get_by_role("button", name="Edit in 3D").click()


def entries(page: Any) -> list[str]:
    return page.locator(".history .entry b").all_inner_texts()


def frame_number(page: Any) -> int:
    return int(page.locator("canvas[data-frame]").get_attribute("data-frame") or 0)


def test_the_whole_way_from_a_scene_to_a_file(studio: Running, visit: Callable[[str], Any]) -> None:
    page = visit(studio.url)
    page.locator("canvas[data-frame]").wait_for()
    assert "#" not in page.url
    page.locator(".cameras img").first.wait_for()
    assert page.locator(".cameras button").count() == 48

    say(page, "make the teapot of chewing gum")
    page.locator("#said.refusal").wait_for()
    assert "chewing" in page.locator("#said").inner_text()
    assert page.get_by_role("button", name="Preview", exact=True).is_disabled()

    page.get_by_text("What I mark").click()
    page.locator(".chip:text-is('teapot')").click()
    page.locator("#chosen:has-text('parts of the scene may change')").wait_for()
    edit(page, "make the teapot gold")
    page.locator(".tools .modes").wait_for()
    assert entries(page) == ["The scene as it was captured", "make the teapot gold"]
    page.locator("label:has-text('Divider') input:checked").wait_for(state="attached")
    page.locator("canvas[tabindex]").focus()
    before = frame_number(page)
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(f"canvas[data-frame]:not([data-frame='{before}'])")
    page.locator("label:text-is('After')").click()
    half = frame_number(page)
    page.get_by_label("Strength").fill("50")
    page.wait_for_selector(f"canvas[data-frame]:not([data-frame='{half}'])")
    page.get_by_text("at the strength that is shown, 50 %").wait_for()

    page.get_by_role("button", name="Write the file").click()
    link = page.locator("a[download='splats.ply']")
    link.wait_for()
    with page.expect_download() as download:
        link.click()
    assert Path(download.value.path()).read_bytes()[:4] == b"ply\n"

    page.get_by_role("button", name="Undo").click()
    page.locator(".entry[aria-current=true]:has-text('as it was captured')").wait_for()

    again = visit(studio.url)  # a second page sees the same
    again.locator(".entry[aria-current=true]:has-text('as it was captured')").wait_for()
    again.locator(".entry:has-text('gold')").click()
    page.locator(".entry[aria-current=true]:has-text('gold')").wait_for()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_page_can_be_read_and_used_by_everyone(studio: Running, browser: Any, theme: str) -> None:
    axe = PAGE / "node_modules" / "axe-core" / "axe.min.js"
    if not axe.is_file():
        pytest.skip("needs axe-core: make studio")
    context = browser.new_context(viewport={"width": 1280, "height": 720}, color_scheme=theme, bypass_csp=True)
    context.set_default_timeout(SECONDS)
    page = context.new_page()
    page.goto(studio.url)
    page.locator("canvas[data-frame]").wait_for()
    say(page, "make the teapot of chewing gum")
    page.locator("#said.refusal").wait_for()
    found = []
    for _ in ("the scene", "the first page"):
        page.add_script_tag(path=str(axe))
        violations = page.evaluate("axe.run().then((result) => result.violations)")
        found += [
            (one["id"], one["nodes"][0]["html"]) for one in violations if one["impact"] in ("serious", "critical")
        ]
        if page.locator("canvas").count():
            page.get_by_role("button", name="Open another scene").click()
            page.get_by_role("button", name="Open the demo").wait_for()
    context.close()
    assert found == []


def test_strokes_on_the_picture_choose_what_may_change(studio: Running, visit: Callable[[str], Any]) -> None:
    page = visit(studio.url)
    page.locator("canvas[data-frame]").wait_for()
    page.get_by_text("What I mark").click()
    box = page.locator("canvas[tabindex]").bounding_box()
    middle, level = box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.6
    page.mouse.move(middle - 20, level)
    page.mouse.down()
    page.mouse.move(middle, level, steps=4)
    page.mouse.move(middle + 20, level + 10, steps=4)
    page.mouse.up()
    said = page.locator("#chosen:has-text('parts of the scene may change')")
    said.wait_for()
    count, of = (int(number.replace(",", "")) for number in re.findall(r"[\d,]+", said.inner_text()))
    assert 0 < count < of
    page.get_by_role("button", name="Clear").click()
    said.wait_for(state="detached")
    page.get_by_text("Box or ball").click()
    said.wait_for()
    page.fill("#shape", "sphere:900,900,900,0.1")
    page.get_by_role("button", name="Show", exact=True).click()
    page.locator("#chosen.refusal:has-text('found none')").wait_for()


def test_a_wrong_token_gets_nothing(studio: Running, visit: Callable[[str], Any]) -> None:
    page = visit(studio.url.partition("#")[0] + "#wrong")
    page.get_by_role("heading", name="This page is not let in").wait_for()
    assert page.locator("canvas").count() == 0


def test_another_origin_gets_nothing_even_from_a_browser_that_is_let_in(
    studio: Running, visit: Callable[[str], Any], tmp_path: Path
) -> None:
    page = visit(studio.url)
    page.locator("canvas[tabindex]").wait_for()
    address = studio.url.partition("/#")[0]
    (tmp_path / "index.html").write_text("<p>another page</p>")
    server = subprocess.Popen(
        [sys.executable, "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert server.stdout is not None
        port = re.search(r"port (\d+)", server.stdout.readline())
        assert port is not None
        page.goto(f"http://127.0.0.1:{port[1]}/")  # the same site, and so the cookie goes along
        for method in ("GET", "POST"):
            ask = (
                f"fetch('{address}/studio/state', {{method: '{method}', mode: 'no-cors', credentials: 'include'}})"
                ".then(() => 'answered', () => 'refused')"
            )
            assert page.evaluate(ask) == "refused"
    finally:
        server.kill()
        server.communicate()


def test_a_job_that_is_cancelled_leaves_the_scene_as_it_was(studio: Running, visit: Callable[[str], Any]) -> None:
    page = visit(studio.url)
    page.locator("canvas[data-frame]").wait_for()
    shown = page.locator(".entry[aria-current=true] b").inner_text()
    edit(page, "make it look like winter")
    page.get_by_role("button", name="Cancel").click()
    page.locator(".entry:has-text('cancelled')").wait_for()
    assert page.locator(".entry[aria-current=true] b").inner_text() == shown
    assert page.locator(".job").count() == 0
    page.get_by_role("button", name="Remove: make it look like winter").click()
    page.wait_for_selector(".entry:has-text('cancelled')", state="detached")


def test_a_page_that_is_loaded_anew_and_a_studio_that_was_killed_go_on(
    studio: Running, visit: Callable[[str], Any]
) -> None:
    page = visit(studio.url)
    page.locator("canvas[data-frame]").wait_for()
    edit(page, "make the mug blue")
    page.locator(".job").wait_for()
    page.reload()
    page.locator(".job").wait_for()
    assert "make the mug blue" in entries(page)
    address = studio.url
    studio.kill()
    page.locator("[role=alert]:has-text('does not answer')").wait_for()
    studio.start()
    assert studio.url == address
    page.locator("[role=alert]").wait_for(state="detached")
    page.locator(".entry[aria-current=true]:has-text('make the mug blue')").wait_for()


def test_a_file_that_is_dropped_is_opened(studio: Running, visit: Callable[[str], Any], tmp_path: Path) -> None:
    scene = next(studio.home.rglob("scene.ply"))
    page = visit(studio.url)
    page.locator("canvas[tabindex]").wait_for()
    page.get_by_role("button", name="Open another scene").click()
    page.set_input_files("input[type=file]", {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no scene"})
    page.locator("[role=alert]:has-text('Expected a file of splats')").wait_for()
    page.set_input_files("input[type=file]", str(scene))
    page.locator(".source:has-text('scene.ply')").wait_for()
    page.locator("canvas[data-frame]").wait_for()


def test_it_ends_with_a_signal_and_leaves_no_process(base: Path, tmp_path: Path) -> None:
    import psutil

    running = Running(tmp_path, str(base))
    end = time.monotonic() + 60
    while not (children := psutil.Process(running.process.pid).children(recursive=True)):
        assert time.monotonic() < end
        time.sleep(0.05)
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(timeout=60) == 0
    assert not [one for one in psutil.wait_procs(children, timeout=20)[1] if one.status() != psutil.STATUS_ZOMBIE]

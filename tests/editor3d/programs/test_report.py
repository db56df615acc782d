"""The report of a refinement is one page that shows every candidate, and runs nothing."""

from __future__ import annotations

import re

from editor3d.programs import Budget, RefineRequest, refine

from .scripted import FIRST, Painter


def test_the_page_shows_rounds_lineage_changes_and_costs(chat, vision, files, tmp_path):
    evil = "# <script>alert(1)</script>\nbrightness = 0.9\nangle = 0.5\n"
    chat.programs = ["brightness = 0.5\nfail = 1.0\n", evil, "brightness = 0.4\nangle = 0.5\n"]
    values = {"width": 24, "height": 24, "proposer": "vision", "breadth": 3, "depth": 1}
    request = RefineRequest(*files, "make it <b>bright</b>", **values)
    done = refine(request, tmp_path / "run", vision=vision, renderer=Painter, budget=Budget(renders=10))
    page = (done.folder / "report.html").read_text()
    assert "<script" not in page
    assert "make it &lt;b&gt;bright" in page
    assert page.count('class="card') == 3
    assert "failed: It failed." in page
    assert "Round 1 (tweak): a better program" in page
    assert '<span class="add">+brightness = 0.9</span>' in page
    assert f'<span class="cut">-{FIRST.splitlines()[0]}</span>' in page
    assert re.search(r"<td>renders</td><td>4</td><td>10</td>", page)
    pictures = re.findall(r'src="([^"]+)"', page)
    assert len(pictures) == 3
    assert all((done.folder / picture).is_file() for picture in pictures)


def test_nothing_better_is_said(files, tmp_path):
    request = RefineRequest(*files, "make it night", width=24, height=24, depth=0)
    done = refine(request, tmp_path / "run", renderer=Painter)
    assert "no better program was found" in (done.folder / "report.html").read_text()

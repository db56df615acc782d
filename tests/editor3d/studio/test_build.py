"""The page is built of its sources, and known to be of them."""

from __future__ import annotations

import gzip
import re
import shutil
from pathlib import Path

import pytest

from editor3d.errors import ConfigError
from editor3d.studio import build

MOST_BYTES = 3_000_000


def test_a_page_that_was_not_built_is_said_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="make studio"):
        build.require_bundle(tmp_path)


def test_a_bundle_of_other_sources_is_not_up_to_date(tmp_path: Path) -> None:
    page, bundle = tmp_path / "page", tmp_path / "bundle"
    shutil.copytree(build.PAGE, page, ignore=shutil.ignore_patterns("node_modules", "dist"))
    bundle.mkdir()
    (bundle / "index.html").write_text("")
    assert not build.is_built(page, bundle)
    (bundle / "made-of.txt").write_text(build.digest_of(page) + "\n")
    assert build.is_built(page, bundle)
    (page / "src" / "texts.ts").write_text("export const texts = {};")
    assert not build.is_built(page, bundle)


def test_every_text_of_the_page_is_in_one_file() -> None:
    """Words between tags, or in a label, would not be translated with the others."""
    sources = [path for path in build.sources() if path.suffix == ".tsx"]
    assert len(sources) > 4
    for path in sources:
        text = path.read_text(encoding="utf-8")
        assert re.findall(r">\s*[A-Z][a-z]+ [a-z]+[^<{]*<", text) == [], path.name
        literal = re.findall(r'(?:placeholder|title|alt)="([^"]+)"', text)
        assert literal == [], path.name


@pytest.mark.skipif(not build.is_built(), reason="the page is not built: make studio")
def test_the_bundle_is_small_and_whole() -> None:
    files = [path for path in build.BUNDLE.rglob("*") if path.is_file()]
    assert sum(len(gzip.compress(path.read_bytes())) for path in files) < MOST_BYTES
    page = (build.BUNDLE / "index.html").read_text(encoding="utf-8")
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in page

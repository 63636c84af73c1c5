"""The pictures in docs/review.md are of the comments in tests/golden/review/."""

from __future__ import annotations

import re

from tests.golden import pictures
from tests.golden.preview_logs import ROOT

FILES = sorted(pictures.PICTURES.glob("comment-*.png"))


def test_each_picture_is_of_the_comment_as_it_is_now() -> None:
    # Make them again: python -m tests.golden.pictures
    assert pictures.PAGES.read_text() == pictures.hashes()


def test_every_picture_is_on_the_page_and_small() -> None:
    named = re.findall(r"\]\(pictures/([^)]+)\)", (ROOT / "docs" / "review.md").read_text())
    assert sorted(named) == [file.name for file in FILES]
    assert sorted(named) == sorted(f"comment-{name}.png" for name in pictures.OPENED)
    for file in FILES:
        assert file.stat().st_size < pictures.MOST_BYTES
        assert pictures.size_of(file)[0] == pictures.WIDTH


def test_a_page_unfolds_what_it_is_asked_to() -> None:
    comment = '<details><summary>a</summary>\n<pre lang="diff">\n+ b\n- c\n</pre>\n</details>'
    assert "<details open>" in pictures.page(comment, opened=True)
    closed = pictures.page(comment, opened=False)
    assert "<details>" in closed
    assert '<span class="added">+ b</span>\n<span class="removed">- c</span>' in closed

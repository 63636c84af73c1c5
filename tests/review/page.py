"""
A comment as an outside reader has it: Markdown by markdown-it-py, then HTML by Python's own parser.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

from markdown_it import MarkdownIt

VOID = ("br",)
CODE = ("code", "pre")


@dataclass
class Page:
    """The elements of a comment in their order, and the text of each kind of place."""

    structure: list[str] = field(default_factory=list)
    """`<code>`, `</code>`, with the attributes, and `#` for a text that is not empty."""
    codes: list[str] = field(default_factory=list)
    """The text of each `code` and `pre`."""
    outside: list[str] = field(default_factory=list)
    """The text outside of them."""
    markdown: list[str] = field(default_factory=list)
    """The tokens of Markdown that are not HTML blocks."""


class _Reader(HTMLParser):
    def __init__(self, page: Page) -> None:
        super().__init__(convert_charrefs=True)
        self.page, self.open = page, list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.page.structure.append(f"<{tag} {attrs}>")
        if tag not in VOID:
            self.open.append(tag)
        if tag in CODE:
            self.page.codes.append("")

    def handle_endtag(self, tag: str) -> None:
        self.page.structure.append(f"</{tag}>")
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in CODE:
            self.page.codes[-1] += data
        elif data.strip():
            self.page.structure.append(data.strip())
            self.page.outside.append(data)

    def handle_comment(self, data: str) -> None:
        self.page.structure.append(f"<!--{data}-->")

    def unknown_decl(self, data: str) -> None:
        self.page.structure.append(f"<![{data}]>")

    def handle_decl(self, decl: str) -> None:
        self.page.structure.append(f"<!{decl}>")

    def handle_pi(self, data: str) -> None:
        self.page.structure.append(f"<?{data}>")


def read(comment: str) -> Page:
    """Reads a comment; fails where an element is not closed in its order."""
    page = Page()
    tokens = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(comment)
    page.markdown = [token.type for token in tokens if token.type != "html_block"]
    reader = _Reader(page)
    reader.feed("".join(token.content for token in tokens if token.type == "html_block"))
    reader.close()
    assert reader.open == []
    return page

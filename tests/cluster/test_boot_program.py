"""The boot program without comments and docstrings is the same program."""

from __future__ import annotations

import ast
from concurrent.futures import ThreadPoolExecutor

import pytest

from cluster import boot_program


def code_of(source: str) -> list[tuple[int, str]]:
    """Each statement with its line, docstrings left out."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:] or [ast.Pass(lineno=node.body[0].lineno, col_offset=0)]
    return [(node.lineno, ast.dump(node)) for node in ast.walk(tree) if isinstance(node, ast.stmt)]


def test_it_is_the_source_line_by_line() -> None:
    source, text = boot_program.SOURCE.read_text(), boot_program.text()
    assert code_of(text) == code_of(source)
    assert text.startswith("#!/usr/bin/env python3\n")


def test_nothing_but_the_first_line_is_a_comment() -> None:
    lines = [line for line in boot_program.text().splitlines()[1:] if line.lstrip().startswith("#")]
    assert lines == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('class A(Exception):\n    """Why."""\n', "class A(Exception):\n    pass\n"),
        ('def f():\n    """Two\n    lines."""\n    return 1\n', "def f():\n\n\n    return 1\n"),
        ('a = "# no comment"  # a comment\n', 'a = "# no comment"\n'),
        ('a = """\n# no comment\n"""\n', 'a = """\n# no comment\n"""\n'),
    ],
)
def test_what_is_left_out_leaves_its_lines(source: str, expected: str) -> None:
    assert boot_program.compact(source) == expected


def test_nodes_that_are_changed_at_the_same_time_get_the_same_program() -> None:
    """The provider asks from a thread for each node; Python 3.11's ast.parse fails there."""
    source = boot_program.SOURCE.read_text()
    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(boot_program.compact, [source] * 16)) == {boot_program.text()}

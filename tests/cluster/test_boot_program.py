"""The boot program as a machine gets it is the same program, statement by statement."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cluster import boot_program

SOURCES = sorted(boot_program.SOURCE.glob("*.py"))
# Begins a run on a machine without node.json, in the folder of the program.
RUN = """
import sys
from pathlib import Path
from boot.__main__ import main
from boot.environment import Environment
sys.exit(main(Environment(root=Path(sys.argv[1]))))
"""


def code_of(source: str) -> list[str]:
    """Each statement, without docstrings and what serves annotations."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            empty: list[ast.stmt] = [ast.Pass()]
            node.body = node.body[1:] or ([] if isinstance(node, ast.Module) else empty)
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        if isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(0)
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    return [ast.dump(node) for node in statements if not is_unused_import(node)]


def is_unused_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module in {
        "__future__",
        "collections.abc",
        "typing",
    }


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_a_module_is_its_source_statement_by_statement(source: Path) -> None:
    assert code_of(boot_program.modules()[source.name]) == code_of(source.read_text())


def test_nothing_is_a_comment() -> None:
    lines = "\n".join(boot_program.modules().values()).splitlines()
    assert [line for line in lines if line.lstrip().startswith("#")] == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('class A(Exception):\n    """Why."""\n', "class A(Exception):\n pass\n"),
        ('def f():\n    """Two\n    lines."""\n\n    return 1\n', "def f():\n return 1\n"),
        ('class A:\n    """Why."""\n\n\nB = 1\n', "class A:\n pass\nB=1\n"),
        ('a = "# no comment"  # a comment\n', 'a="# no comment"\n'),
        ('a = """\n    # no comment\n"""\n', 'a="""\n    # no comment\n"""\n'),
        (
            "def f(a: int, *b: dict[str, int], c: str | None = None) -> dict[str, int]:\n"
            "    return {a: 1}\n",
            "def f(a,*b,c=None):\n return{a:1}\n",
        ),
        (
            "def f(\n    a: dict[\n        str, int\n    ],\n) -> str: ...\n",
            "def f(a,):...\n",
        ),
        ("a: int = 1\nb = {c: d for c in (e, f)}\n", "a:0=1\nb={c:d for c in(e,f)}\n"),
        (
            "class A:\n    b: str | None\n    c: int = field(default=1)\n",
            "class A:\n b:0\n c:0=field(default=1)\n",
        ),
        ("self.a: dict[\n    str, int\n] = {}\n", "self.a:0={}\n"),
        ("a = f'{b:>{c}} {{d}}' f'e'\n", "a=f'{b:>{c}} {{d}}' f'e'\n"),
        ("try:\n    a\nelse:\n    b\n", "try:\n a\nelse:\n b\n"),
        ("lambda: 1\na[b:c]\n", "lambda:1\na[b:c]\n"),
        ("a = not b or -c  # d\nfor e in f: g, h = i\n", "a=not b or-c\nfor e in f:g,h=i\n"),
    ],
)
def test_what_separates_nothing_is_left_out(source: str, expected: str) -> None:
    assert boot_program.compact(source) == expected


def test_nodes_that_are_changed_at_the_same_time_get_the_same_program() -> None:
    """The provider asks from a thread for each node; Python 3.11's ast.parse fails there."""
    source = max(SOURCES, key=lambda path: path.stat().st_size)
    text = source.read_text()
    with ThreadPoolExecutor(8) as threads:
        compacted = set(threads.map(boot_program.compact, [text] * 16))
    assert compacted == {boot_program.modules()[source.name]}


def imported(source: str) -> set[str]:
    """The files of the modules of `boot` that a module imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "boot":
            found |= {f"{each.name}.py" for each in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("boot."):
            found.add(f"{str(node.module).removeprefix('boot.')}.py")
    return found


@pytest.mark.parametrize("role", ["server", "agent"])
def test_a_machine_has_the_modules_of_its_role_and_none_that_it_does_not_use(role: str) -> None:
    modules = boot_program.of_role(boot_program.modules(), role)
    used, following = {"__init__.py"}, {"__main__.py", f"{role}.py"}
    while following:
        used |= following
        following = {each for path in following for each in imported(modules[path])} - used
    # Those by their names, where a running machine needs them.
    assert set(modules) - used <= boot_program.OF_CHANGES


def test_each_module_is_on_some_machine() -> None:
    modules = boot_program.modules()
    some = {path for role in ("server", "agent") for path in boot_program.of_role(modules, role)}
    assert some == set(modules)


def test_what_only_changes_need_is_not_in_user_data() -> None:
    modules = boot_program.modules()
    for role in ("server", "agent"):
        first = boot_program.of_first_boot(modules, role)
        assert set(boot_program.of_role(modules, role)) - set(first) <= boot_program.OF_CHANGES
        assert not boot_program.OF_CHANGES & set(first)


@pytest.mark.parametrize("role", ["server", "agent"])
@pytest.mark.parametrize("select", [boot_program.of_role, boot_program.of_first_boot])
def test_it_runs_as_a_machine_has_it(
    tmp_path: Path, role: str, select: Callable[[Mapping[str, str], str], dict[str, str]]
) -> None:
    folder, root = tmp_path / "opt/boot", tmp_path / "root"
    folder.mkdir(parents=True)
    root.mkdir()
    for path, text in select(boot_program.modules(), role).items():
        (folder / path).write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(root)],
        cwd=folder.parent,
        # Nothing of the repository is on the path.
        env={},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "")
    report = json.loads((root / "var/lib/k3s-aws/report.json").read_text())
    assert report["error"]["phase"] == "identity"
    assert "No such file or directory" in report["error"]["cause"]
    assert (folder / "__pycache__").exists()

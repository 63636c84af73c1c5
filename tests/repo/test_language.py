"""The names and messages of the project are in the words of its field (CONTRIBUTING.md)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.repo import language
from tests.repo.test_promises import TEXT, tracked

ROOT = Path(__file__).parents[2]


def test_names_and_messages_are_in_plain_technical_english() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{each}"
        for file in tracked()
        if file.suffix == ".py"
        for each in language.faults(file, messages=file.relative_to(ROOT).parts[0] != "tests")
    ]
    if found:
        pytest.fail("\n".join(["words that CONTRIBUTING.md refuses:", *found]), pytrace=False)


def test_every_refused_word_is_in_the_glossary() -> None:
    table = (ROOT / "CONTRIBUTING.md").read_text().partition("| Not | But |")[2]
    rows = [row.split("|")[1] for row in table.partition("\n\n")[0].splitlines() if row]
    assert set(language.REFUSED) <= set(re.findall(r"\w+", " ".join(rows)))


def test_no_text_has_words_that_the_field_has_given_up() -> None:
    here = Path(language.__file__)
    found = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in tracked()
        if file.suffix in TEXT and file != here
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1)
        if language.REFUSED_ANYWHERE.search(line)
        and not any(each in line for each in language.UNCHANGEABLE)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def deadline_told(): pass", "1: deadline_told: reported, formatted or rendered"),
        ("class Surroundings: pass", "1: Surroundings: context or environment"),
        ("def f(learned): pass", "1: learned: computed outputs"),
        ("x = 1\nself.passing = x", "2: passing: retryable"),
        ("raise ValueError(f'{x} is no zone')", "1: \"is no\" in ' is no zone': is not a valid"),
        ("say('it is made anew')", "1: \"anew\" in 'it is made anew': again"),
    ],
)
def test_a_refused_word_is_named_with_another(tmp_path: Path, source: str, expected: str) -> None:
    (tmp_path / "module.py").write_text(source)
    (fault,) = language.faults(tmp_path / "module.py", messages=True)
    assert fault.startswith(expected)


@pytest.mark.parametrize(
    "source",
    [
        '"""It says what was told."""',
        "known_hosts = plain_text = 'anew'",
        "raise ValueError('there is no demo; it is no longer needed')",
        "context, hello_worldly, retold = told()",
    ],
)
def test_good_words_and_docstrings_are_let_through(tmp_path: Path, source: str) -> None:
    (tmp_path / "module.py").write_text(source)
    assert language.faults(tmp_path / "module.py", messages=True) == []


def test_a_module_may_not_be_named_with_a_refused_word(tmp_path: Path) -> None:
    file = tmp_path / "foreign.py"
    file.write_text("")
    assert len(language.faults(file, messages=False)) == 1

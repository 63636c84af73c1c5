"""The file of a stack's configuration is changed by two programs and its owner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from localcloud.errors import LocalCloudError
from localcloud.workbench import stack_file

OWNERS = """\
encryptionsalt: v1:abc=:v1:def
config:
  k3s-aws:cluster:
    expiry: 2024-02-30
    values:
      tag: 72044e0
      quoted: "72044e0"
      on: yes
      "yes": on
      port: 0o17
      empty:
      time: 12:30
      word: =
    text: |
      a
        b
"""


def rewritten(file: Path, text: str) -> str:
    file.write_text(text)
    stack_file.write(file, stack_file.read(file))
    return file.read_text()


def test_what_its_owner_wrote_keeps_its_form(tmp_path: Path) -> None:
    text = rewritten(tmp_path / "Pulumi.demo.yaml", OWNERS)
    values = text.partition("values:\n")[2].partition("    text:")[0]
    assert values == (
        "      tag: 72044e0\n"
        '      quoted: "72044e0"\n'
        "      on: yes\n"
        '      "yes": on\n'
        "      port: 0o17\n"
        "      empty: null\n"
        "      time: 12:30\n"
        "      word: =\n"
    )
    assert "expiry: 2024-02-30\n" in text
    assert r'text: "a\n  b\n"' in text


@pytest.mark.parametrize(
    "value", ["y", "1e3", "true", "", "null", "0x1", "a: b", "- a", "é", "\U0001f600", "v1:a=", 5]
)
def test_strings_of_our_own_stay_strings(tmp_path: Path, value: Any) -> None:
    file = tmp_path / "Pulumi.demo.yaml"
    content = {"config": {"k3s-aws:cluster": {"a": value, "on": True, "none": None}}}
    stack_file.write(file, content)
    assert yaml.safe_load(file.read_text()) == {
        "config": {"k3s-aws:cluster": {"a": value, "on": True, "none": None}}
    }


def test_a_file_that_is_missing_or_empty_has_no_content(tmp_path: Path) -> None:
    assert stack_file.read(tmp_path / "none.yaml") == {}
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    assert stack_file.read(tmp_path / "empty.yaml") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("config: [", " is not valid YAML in line 1\n    correct it"),
        ("a: b: c\n", " is not valid YAML in line 1\n    correct it"),
        ("[" * 5000, " is not valid YAML"),
        ("a: !!int x\n", " is not valid YAML"),
        ("a: !other x\n", " is not valid YAML in line 1"),
        ("- a\n", " is not a stack's configuration\n    remove it"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "Pulumi.demo.yaml"
    file.write_text(text)
    with pytest.raises(LocalCloudError) as error:
        stack_file.read(file)
    assert str(error.value).startswith(f"{file}{message}")

"""YAML as Kubernetes reads it; test_kubernetes_yaml.py compares with its libraries."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from cluster import yaml_reader, yaml_scalars, yaml_writer
from cluster.yaml_reader import InvalidYaml


@pytest.mark.parametrize("text", ["72044e0", "1e3", "0e1", "y", "n", "Y", "N", "on", "~"])
def test_a_string_that_looks_like_something_else_is_in_quotes(text: str) -> None:
    written = yaml_writer.write({text: text})
    assert f'"{text}": "{text}"' in written
    assert yaml.safe_load(written) == {text: text}


@pytest.mark.parametrize("text", [".5e1", "1.5e3", "+1e3", "0o17", "0x1F", "2027-1-1", "1:30", "="])
def test_no_reader_takes_a_string_for_another_value(text: str) -> None:
    assert yaml_writer.write([text]) in (f'- "{text}"\n', f"- '{text}'\n")


@pytest.mark.parametrize("text", ["podinfo", "6.7.1", "https://example.com/a", "256Mi", "a b"])
def test_what_is_a_string_to_every_reader_needs_no_quotes(text: str) -> None:
    assert yaml_writer.write({"a": text}) == f"a: {text}\n"


@pytest.mark.parametrize(
    ("number", "text"),
    [(12321123131, "12321123131"), (1.2321123131e10, "12321123131"), (1000000, "1000000")],
)
def test_a_large_integer_keeps_its_digits(number: float, text: str) -> None:
    """As JSON from Pulumi may have it: https://github.com/pulumi/pulumi/issues/6787"""
    assert yaml_writer.write({"count": number}) == f"count: {text}\n"


def test_the_same_list_twice_is_written_twice() -> None:
    hosts = ["a"]
    assert "&" not in yaml_writer.write({"one": hosts, "two": hosts})


@pytest.mark.parametrize(
    ("text", "value"),
    [("y", True), ("Off", False), ("~", None), ("017", 15), ("08", 8.0), ("0b11", 3), ("1_0", 10)],
)
def test_plain_words_are_what_kubernetes_takes_them_for(text: str, value: Any) -> None:
    assert yaml_scalars.resolve(text) == value


@pytest.mark.parametrize("text", ["=", "0x_", "2024-02-30", "0000-00-00", "1:30", "1e400", "a" * 9])
def test_other_plain_words_are_strings(text: str) -> None:
    assert yaml_reader.read(f"a: {text}") == {"a": text}


def test_what_a_later_key_overrides_is_kept_beside() -> None:
    found = yaml_reader.read("kind: Secret\nkind: ConfigMap\n")
    assert (found, found.overridden) == ({"kind": "ConfigMap"}, [("kind", "Secret")])


def test_a_merge_behind_a_key_overrides_it() -> None:
    assert yaml_reader.read("a: 1\n<<: {a: 2}\n") == {"a": 2}
    assert yaml_reader.read("<<: [{a: 1}, {a: 2}]\n") == {"a": 1}


def test_every_document_may_begin_with_a_byte_order_mark() -> None:
    text = "\ufeffkind: A\n---\n\ufeffkind: B\n"
    assert yaml_reader.read_manifest(text) == [{"kind": "A"}, {"kind": "B"}]


def test_documents_of_comments_are_none() -> None:
    assert yaml_reader.read_manifest("# a\n---\n\n---\n# b\n") == []


@pytest.mark.parametrize(
    ("text", "reason", "line"),
    [
        ("a: 1\n---\nb: [\n", "is not valid YAML", 3),
        ("a: 1\n--- b\n", "has text behind ---", 2),
        ("a: 1\n---\n{b: 1}\n", "is not valid JSON", 3),
        ("a: 1\n---\n{\n  nothing: 1\n}\n", "is not valid JSON", 4),
        ("a: &a [*a]\n", "has an alias without an anchor before it", 1),
        ("a: *b\n", "has an alias without an anchor before it", 1),
        ("? [a]\n: b\n", "has a key that is not a string", 1),
        ("~: b\n", "has a key that is not a string", 1),
        ("a: !!int b\n", "has a value that is not of the type of its tag", 1),
        ('a: "\\/"\n', "has the escape \\/, which Kubernetes refuses", 1),
        ("a: 1\n\ufeffb: 1\n", "has a byte order mark inside a document", 2),
        ("a: 1\n...\nb: 1\n", "has something behind the end of a document", 2),
        ("a:\n\tb: 1\n", "is not valid YAML", 2),
        (f"a: {'[' * 5000}", "is nested deeper than 250 levels", 1),
        ("{" * 100_000, "is not valid JSON", 1),
        (f'{{"a": {"[" * 100_000}', "is nested deeper than 250 levels", None),
        ("a: \x01\n", "is not valid YAML", None),
        ("a: \ud800\n", "is not valid YAML", None),
        ('{"a": NaN}', "has NaN, which is not valid JSON", None),
    ],
)
def test_what_kubernetes_cannot_read_has_a_reason(text: str, reason: str, line: int | None) -> None:
    with pytest.raises(InvalidYaml) as error:
        yaml_reader.read_manifest(text)
    assert (error.value.reason, error.value.line) == (reason, line)


def test_many_aliases_take_no_time() -> None:
    levels = "".join(f"l{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 9)}]\n" for at in range(1, 40))
    assert len(yaml_reader.read(f"l0: &a0 x\n{levels}")) == 40


def test_without_libyaml_the_values_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\ufeffa: &x [y, 017, =, 2024-02-30, '1']\nb: *x\n<<: {a: 1}\n"
    found = yaml_reader.read(text)
    monkeypatch.setattr(yaml_reader, "_LOADER", yaml.BaseLoader)
    assert yaml_reader.read(text) == found == {"a": 1, "b": [True, 15, "=", "2024-02-30", "1"]}
    with pytest.raises(InvalidYaml, match="is nested deeper than 250 levels"):
        yaml_reader.read("[" * 1000)
    with pytest.raises(InvalidYaml, match="is not valid YAML"):
        yaml_reader.read("a: \x01")

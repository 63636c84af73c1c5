"""Properties of YAML, compared with the libraries by which k3s, Helm and kubectl read it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster import charts, kubeconfig, yaml_reader, yaml_writer
from tests.cluster.test_kubeconfig import PARTS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
SOURCES = ROOT / "tests" / "kubernetes_yaml"
BUILD_SECONDS = 600
RUN = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))

# Words that readers of YAML take for booleans, numbers, dates or nothing, and bits of syntax.
WORDS_IN_A_ROW = r"""
y n Y N yes No on OFF true False ~ null 72044e0 1e3 0e1 .5e1 1.5e3 +1e3 0o17 017 08 0x_ 0x1F 0b11
-0b1 1_000 1:30 2024-02-30 0000-00-00 2001-1-2 = << .inf -.Inf .NaN 1. - -- : :a a: a::b ? * & ! |
> ' " % @ ` { } [ ] , # --- ... 9223372036854775808 12345678901234567890123 1e400 1e-7
"""
WORDS = st.sampled_from(WORDS_IN_A_ROW.split())
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
STRINGS = (
    WORDS
    | TEXT
    | st.from_regex(r"[-+.0-9eExobXOB_:ynYN~ ]{1,8}", fullmatch=True)
    | st.sampled_from(["a: b", "a #b", " a", "a ", "a\nb", "\n\n", "\u0085", "\u2028", "\ufeff"])
    | st.sampled_from(["\U0001f600", "\x00", "\x7f", "\ufffe", "a\tb", "k" * 300, ""])
)
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | STRINGS,
    lambda each: st.lists(each, max_size=4) | st.dictionaries(STRINGS, each, max_size=4),
    max_leaves=10,
)
LINES = st.sampled_from(
    [
        "apiVersion: v1\n", "kind: A\n", "kind: List\n", "---\n", "--- # c\n", "---\t\n", "--- x\n",
        "# c\n", "\n", "  \n", "\t\n", "a: 1\n", "a:\tb\n", "\ta: b\n", "  b: 1\t\n", "- x\n",
        "-\tx\n", "a: &a\n", "b: *a\n", "<<: *a\n", "<<: {kind: B}\n", "<<: [{a: B}, {a: C}]\n",
        "'<<': x\n", "c: |\n", "c: >-\n", "  text: more\n", "d: [1, {a: b}, \n", "  ]\n", "}\n",
        "d: {a: [b],\n", "\tx: y}\n", "{\n", '"kind": "A"', ",", '{"apiVersion": "v1"}\n',
        '{"apiVersion": "v1", "kind": "A",}\n', '{"a": 01}\n', '{"a": 1e5, "a": -0.0}\n', "\r\n",
        "\ufeff", "\ufeffkind: A\n", "? a\n", ": b\n", "? [a]\n", "~: x\n", "y: z\n", "1: x\n",
        "e: !!binary aGVsbG8=\n", "e: !!int x\n", 'e: !!int "5"\n', "e: !x!y z\n", "e: ! 5\n",
        'e: "\\x41\\u0042\\U0001f600"\n', 'e: "\\/"\n', 'e: "\\ud83d"\n', 'e: "a\n\n  b"\n',
        "items: []\n", "a: \x01\n", "a: \x85b\n", "a: b: c\n", "a: [b: c]\n", "a: !!str\n", "a:\n",
        "~\n", "null\n", "x\n", "'{'\n", " {\n", "day: 2024-02-30\n", "e: =\n", "e: 0x_\n",
    ]
)  # fmt: skip


class Kubernetes:
    """The running program of tests/kubernetes_yaml/."""

    def __init__(self, binary: Path) -> None:
        self._process = subprocess.Popen(
            [binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def read(self, text: str, what: str) -> Any:
        """The value that it reads; None and a Refused where it reads none."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"as": what, "text": text}) + "\n")
        process.stdin.flush()
        reply = json.loads(process.stdout.readline(), parse_int=_number)
        if "error" in reply:
            raise Refused(reply["error"])
        return reply["value"]

    def end(self) -> None:
        self._process.communicate()


def _number(digits: str) -> int | float:
    """A number of JSON as Go has it, which rounds what is longer."""
    return int(digits) if len(digits) <= 16 else float(digits)


class Refused(Exception):  # noqa: N818 - reads as the fact it states
    """Kubernetes cannot read a text."""


@pytest.fixture(scope="module")
def kubernetes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubernetes]:
    if shutil.which("go") is None:
        pytest.skip("Go is not installed")
    binary = tmp_path_factory.mktemp("go") / "kubernetes_yaml"
    subprocess.run(
        ["go", "build", "-trimpath", "-o", binary, "."],
        cwd=SOURCES,
        check=True,
        timeout=BUILD_SECONDS,
    )
    running = Kubernetes(binary)
    yield running
    running.end()


def test_the_libraries_are_those_of_the_stand_in() -> None:
    own, standin = (
        set(re.findall(r"^\t(\S+ v\S+)", (folder / "go.mod").read_text(), re.MULTILINE))
        for folder in (SOURCES, ROOT / "localcloud" / "k3s-standin")
    )
    assert own <= standin


@RUN
@given(content=st.dictionaries(STRINGS, VALUES, max_size=4))
def test_values_are_read_as_they_were_meant(kubernetes: Kubernetes, content: Any) -> None:
    text = yaml_writer.write(content)
    assert kubernetes.read(text, "values") == content == yaml_reader.read(text)


@RUN
@given(content=st.dictionaries(STRINGS, VALUES, max_size=4))
def test_json_of_the_boot_program_is_yaml_but_for_pairs_of_escapes(
    kubernetes: Kubernetes, content: Any
) -> None:
    """It writes config.yaml and registries.yaml in ASCII: an emoji is two escapes there."""
    text = json.dumps(content, indent=1)
    expected = (None, True) if re.search(r"\\ud[89ab]", text) else (content, False)
    found, refused = _outcome(partial(kubernetes.read, text, "values"), Refused)
    assert (found, refused is not None) == expected


@RUN
@given(name=STRINGS, namespace=STRINGS, values=st.dictionaries(STRINGS, VALUES, max_size=3))
def test_a_chart_is_read_as_it_was_meant(
    kubernetes: Kubernetes, name: str, namespace: str, values: Any
) -> None:
    text = charts.helm_chart(
        name, chart=name, repo=name, version=name, namespace=namespace, values=values
    )
    (found,) = kubernetes.read(text, "manifest")
    assert found["metadata"]["name"] == name
    assert found["spec"]["targetNamespace"] == namespace
    assert found["spec"].get("version", "") == name
    if values:
        assert kubernetes.read(found["spec"]["valuesContent"], "values") == values


@RUN
@given(name=STRINGS, namespace=st.none() | STRINGS)
def test_kubectl_reads_a_kubeconfig_as_it_was_meant(
    kubernetes: Kubernetes, name: str, namespace: str | None
) -> None:
    text = kubeconfig.render(PARTS, endpoint="https://a:6443", name=name, namespace=namespace)
    found = kubernetes.read(text, "kubeconfig")
    assert found["current-context"] == name
    assert found["contexts"][name].get("namespace", "") == (namespace or "")
    assert found["clusters"][name]["server"] == "https://a:6443"
    assert kubeconfig.parse(text).client_key == PARTS.client_key


@RUN
@given(text=WORDS | st.from_regex(r"[-+.0-9eExobXOB_:ynYN~aAfFnN]{1,9}", fullmatch=True))
def test_plain_scalars_are_resolved_as_kubernetes_does(kubernetes: Kubernetes, text: str) -> None:
    for document in (f"a: {text}\n", f"a: !!str {text}\n", f"a: !!float {text}\n"):
        _compare(kubernetes, document, "values")


@RUN
@given(text=st.lists(LINES, max_size=7).map("".join), is_object=st.booleans())
def test_what_is_accepted_is_what_kubernetes_accepts(
    kubernetes: Kubernetes, text: str, is_object: bool
) -> None:
    _compare(kubernetes, f"apiVersion: v1\nkind: A\n{text}" if is_object else text, "values")
    _compare(kubernetes, f"apiVersion: v1\nkind: A\n{text}" if is_object else text, "manifest")


def _compare(kubernetes: Kubernetes, text: str, what: str) -> None:
    read = yaml_reader.read if what == "values" else yaml_reader.read_manifest
    found, refusal = _outcome(lambda: read(text), yaml_reader.InvalidYaml)
    expected, refused = _outcome(lambda: kubernetes.read(text, what), Refused)
    if refusal is not None:
        reason = str(refusal)
        assert refused or _is_stricter_on_purpose(kubernetes, text, what, expected, reason)
    elif refused is not None:
        # What is no object, and what JSON has no number for, are not the reader's business.
        assert re.search("Kind|cannot unmarshal|json:|unsupported value", str(refused))
    elif what == "values" or not any(isinstance(each, dict) and "items" in each for each in found):
        assert json.loads(json.dumps(found), parse_int=_number) == expected


def _outcome(read: Callable[[], Any], refusal: type[Exception]) -> tuple[Any, Exception | None]:
    try:
        return read(), None
    except refusal as error:
        return None, error


def _is_stricter_on_purpose(
    kubernetes: Kubernetes, text: str, what: str, expected: Any, reason: str
) -> bool:
    """Whether Kubernetes takes a mark for a part of a key, or drops what comes behind."""
    if "byte order mark" in reason:
        return True
    parts = (text[:end] for end in range(1, len(text)) if text[end:].strip())
    return any(
        _outcome(partial(kubernetes.read, part, what), Refused) == (expected, None)
        for part in parts
    )


@pytest.mark.parametrize(
    "text",
    [
        "versions:\n- =\n",
        "day: 2024-02-30\nother: 0000-00-00\n",
        "apiVersion:\tv1\n",
        '{\n\t"a": [\n\t\t1\n\t]\n}\n',
        "a: 0x_\n",
        "a: b\t\n",
        "a: &x 1\nb: &x 2\nc: *x\n",
        "\ufeffa: b\n",
        "a: 1\na: 2\n",
    ],
)
def test_what_pyyaml_refuses_is_read_as_kubernetes_does(kubernetes: Kubernetes, text: str) -> None:
    assert yaml_reader.read(text) == kubernetes.read(text, "values")

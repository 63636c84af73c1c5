"""The cloud-config, and how it is packed for EC2."""

from __future__ import annotations

import base64
import gzip
import random

import jinja2
import jinja2.meta
import pytest
import yaml

from cluster import boot_program, user_data
from cluster.errors import UserDataTooLarge
from tests.golden import rendering

AWKWARD = "\"quotes\" 'too', {{ marks }}, \\ back\n\n  # and: lines\n\tä – €"


def contents(cloud_config: str) -> dict[str, str]:
    files = yaml.safe_load(cloud_config)["write_files"]
    return {file["path"]: file["content"] for file in files}


def test_any_text_reaches_the_machine_unchanged() -> None:
    files = contents(user_data.render(AWKWARD, AWKWARD + "x"))
    assert files["/etc/k3s-aws/node.json"] == AWKWARD
    assert files["/opt/k3s-aws/boot.py"] == AWKWARD + "x"


def test_sshd_has_no_host_key_and_no_login_key_before_the_boot_program_ran() -> None:
    parsed = yaml.safe_load(user_data.render("{}", ""))
    assert (parsed["ssh_deletekeys"], parsed["ssh_keys"]) == (True, {})
    assert "ssh_authorized_keys" not in parsed


def test_the_template_asks_for_what_the_renderer_gives() -> None:
    tree = jinja2.Environment(autoescape=False).parse(user_data.TEMPLATE.read_text())  # noqa: S701
    expected = {"node_config", "boot_program"}
    assert jinja2.meta.find_undeclared_variables(tree) == expected


def test_encoding_is_undone_by_ungzipping() -> None:
    packed = base64.b64decode(user_data.encode(AWKWARD))
    assert gzip.decompress(packed).decode() == AWKWARD


def test_the_same_text_is_encoded_the_same_way() -> None:
    assert user_data.encode(AWKWARD) == user_data.encode(AWKWARD)


@pytest.mark.parametrize("example", rendering.NAMES)
def test_real_user_data_is_far_below_the_limit(example: str) -> None:
    nodes = [text for file, text in rendering.render(example).items() if file.endswith("node.json")]
    program = boot_program.text()
    sizes = [
        len(base64.b64decode(user_data.encode(user_data.render(node, program)))) for node in nodes
    ]
    assert max(sizes) < 11 * 1024


def test_too_much_user_data_is_refused_with_its_size() -> None:
    noise = random.Random(1).randbytes(20_000).hex()
    with pytest.raises(UserDataTooLarge) as refusal:
        user_data.encode(noise)
    first, second = str(refusal.value).splitlines()
    assert first.startswith("the user data of a machine is 2")
    assert first.endswith("over the limit of 14336")
    assert second.startswith("    shorten cluster.k3s.registries, the k3s keys")


def test_user_data_up_to_the_limit_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(base64.b64decode(user_data.encode("text")))
    monkeypatch.setattr(user_data, "LIMIT_BYTES", size)
    assert user_data.encode("text") != ""
    monkeypatch.setattr(user_data, "LIMIT_BYTES", size - 1)
    with pytest.raises(UserDataTooLarge):
        user_data.encode("text")

"""User data, and how it is packed for EC2."""

from __future__ import annotations

import base64
import gzip
import json
import random
from pathlib import Path
from typing import Any

import jinja2
import jinja2.meta
import pytest

from cluster import boot_program, config, machine_files, node_config, user_data
from cluster.errors import UserDataTooLarge
from tests.cluster import ec2
from tests.cluster.parts import cloud_config_of, files_of, parts_of
from tests.golden import rendering

AWKWARD = "\"quotes\" 'too', {{ marks }}, \\ back\n\n--k3s-aws\n  # and: lines\n\tä – € \U0001f600"


def test_any_text_reaches_the_machine_unchanged() -> None:
    files = files_of(user_data.render(AWKWARD, {"a.py": AWKWARD + "x"}))
    assert files["/etc/k3s-aws/node.json"] == AWKWARD
    assert files["/opt/k3s-aws/boot/a.py"] == AWKWARD + "x"


def test_cloud_init_makes_no_host_key_and_deletes_none() -> None:
    """The boothook has deleted the image's, and the boot program installs the configured one."""
    parsed = cloud_config_of(user_data.render("{}", {}))
    assert (parsed["ssh_deletekeys"], parsed["ssh_keys"]) == (False, {})
    assert "ssh_authorized_keys" not in parsed


def test_user_data_is_ascii_and_begins_with_the_part_that_runs_first() -> None:
    text = user_data.render(AWKWARD, {AWKWARD: AWKWARD})
    assert text.isascii()
    assert list(parts_of(text)) == ["text/cloud-boothook", "text/cloud-config"]
    assert parts_of(text)["text/cloud-boothook"].startswith("#!/usr/bin/env python3\n")
    # cloud-init warns of a part that does not begin with it.
    assert parts_of(text)["text/cloud-config"].startswith("#cloud-config\n")


@pytest.mark.parametrize(
    ("template", "expected"),
    [(user_data.TEMPLATE, {"boothook"}), (user_data.BOOTHOOK, {"files", "timer"})],
)
def test_a_template_has_the_variables_that_the_renderer_sets(
    template: Path, expected: set[str]
) -> None:
    tree = user_data.environment().parse(template.read_text())
    assert jinja2.meta.find_undeclared_variables(tree) == expected


def test_encoding_is_undone_by_ungzipping() -> None:
    packed = base64.b64decode(user_data.encode(AWKWARD))
    assert gzip.decompress(packed).decode() == AWKWARD


def test_the_same_text_is_encoded_the_same_way() -> None:
    assert user_data.encode(AWKWARD) == user_data.encode(AWKWARD)


@pytest.mark.parametrize("example", rendering.NAMES)
def test_real_user_data_is_far_below_the_limit(example: str) -> None:
    nodes = [text for file, text in rendering.render(example).items() if file.endswith("node.json")]
    sizes = []
    for file in nodes:
        content = json.loads(file)
        node = machine_files.node_file(content, content.pop("deadlineSeconds"))
        role, ends = content["pool"]["role"], content["pool"].get("expiresAt")
        program = boot_program.of_first_boot(boot_program.modules(), role)
        sizes.append(len(base64.b64decode(user_data.encode(user_data.render(node, program, ends)))))
    # What is left is for the labels, taints, registries and keys of a cluster.
    assert max(sizes) < 15 * 1024


def test_too_much_user_data_is_rejected_with_its_size() -> None:
    noise = random.Random(1).randbytes(20_000).hex()
    with pytest.raises(UserDataTooLarge) as rejection:
        user_data.encode(noise)
    first, second = str(rejection.value).splitlines()
    assert first.startswith("the user data of a machine is 2")
    assert first.endswith("over the limit of 16128")
    assert second.startswith("    shorten cluster.k3s.registries; or have fewer cluster.manifests")


MANIFEST = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a{}}}\n"
# Half as long as a hash, and as little to compress.
NAMES = [f"{random.Random(index).randbytes(16).hex()}.example.com" for index in range(900)]


@pytest.mark.parametrize(
    ("keys", "fix"),
    [
        (
            {
                "manifests": [
                    {"name": f"a{index}", "content": MANIFEST.format(index)} for index in range(300)
                ]
            },
            "have fewer cluster.manifests and charts: a file may hold many objects, and its size "
            "does not count; they take about",
        ),
        (
            {"proxy": {"httpsProxy": "http://egress.example.com:3128", "noProxy": NAMES}},
            "shorten the addresses of cluster.proxy.noProxy; they take about",
        ),
        ({"k3s": {"server": {"tls-san": NAMES}}}, "shorten the k3s keys, such as tls-san; they"),
        (
            {"pools": [{"name": "a", "labels": {f"a{each[:40]}": each[:40] for each in NAMES}}]},
            "shorten the labels; they take about",
        ),
    ],
    ids=["manifests", "noProxy", "tls-san", "labels"],
)
def test_what_takes_the_most_of_the_user_data_is_named(keys: dict[str, Any], fix: str) -> None:
    network = {"apiAllowedCidrs": ["203.0.113.0/24"], "sshAllowedCidrs": ["203.0.113.0/24"]}
    cluster = ec2.resolve(config.load({"network": network, **keys}, stack="dev"))
    with pytest.raises(UserDataTooLarge) as rejection:
        user_data.require_room(node_config.longest(cluster), boot_program.modules())
    assert str(rejection.value).splitlines()[1].startswith(f"    {fix}")


def test_user_data_up_to_the_limit_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(base64.b64decode(user_data.encode("text")))
    monkeypatch.setattr(user_data, "LIMIT_BYTES", size)
    assert user_data.encode("text") != ""
    monkeypatch.setattr(user_data, "LIMIT_BYTES", size - 1)
    with pytest.raises(UserDataTooLarge):
        user_data.encode("text")

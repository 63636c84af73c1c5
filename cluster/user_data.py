"""
User data: what cloud-init gets on a machine, rendered from cloud-init/ and packed for EC2.

Decides nothing and holds no secret: the node configuration and the boot program are given.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import jinja2

from cluster.errors import UserDataTooLarge

CLOUD_INIT = Path(__file__).parent.parent / "cloud-init"
TEMPLATE = CLOUD_INIT / "user-data.j2"
BOOTHOOK = CLOUD_INIT / "boothook.py.j2"
UNIT = CLOUD_INIT / "k3s-aws-boot.service"

# EC2 takes 16 KiB before base64:
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html
# Stopping short of it leaves room for what a fork or a later release adds.
LIMIT_BYTES = 14 * 1024


def render(node_config_text: str, boot_program: Mapping[str, str]) -> str:
    """
    The user data of one machine: a MIME multi-part text of a boothook and a cloud-config.

    The boothook writes the files of `files` below, with their modes, and starts the boot program,
    whose modules are given by their paths below its folder.
    """
    modules = {f"opt/k3s-aws/boot/{path}": ("0644", text) for path, text in boot_program.items()}
    files = {
        "etc/k3s-aws/node.json": ("0600", node_config_text),
        **modules,
        "etc/systemd/system/k3s-aws-boot.service": ("0644", _unit()),
    }
    return _template(TEMPLATE).render(boothook=_template(BOOTHOOK).render(files=files))


@cache
def _unit() -> str:
    """The unit without its comments."""
    lines = UNIT.read_text().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("#"))


@cache
def _template(file: Path) -> jinja2.Template:
    return environment().from_string(file.read_text())


def environment() -> jinja2.Environment:
    """What the templates of cloud-init/ are rendered in."""
    # Not HTML: every value goes through the filter, which quotes it for Python.
    made = jinja2.Environment(  # noqa: S701
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, trim_blocks=True
    )
    made.filters["ascii"] = ascii
    return made


def require_room(node_configs: Iterable[str], boot_program: Mapping[str, str]) -> None:
    """Raises UserDataTooLarge where one of these would not fit, before anything is created."""
    for each in node_configs:
        encode(render(each, boot_program))


def encode(text: str) -> str:
    """The user data as EC2 takes it: gzip, then base64; the same text gives the same result."""
    packed = gzip.compress(text.encode(), compresslevel=9, mtime=0)
    if len(packed) > LIMIT_BYTES:
        raise UserDataTooLarge(
            f"the user data of a machine is {len(packed)} bytes after compression, "
            f"{len(packed) - LIMIT_BYTES} over the limit of {LIMIT_BYTES}\n"
            "    shorten cluster.k3s.registries, the k3s keys, the labels or the taints; manifests "
            "of any size go through the bucket"
        )
    return base64.b64encode(packed).decode()

"""
User data: the cloud-config a machine boots with, rendered from cloud-init/ and packed for EC2.

Decides nothing and holds no secret: the node configuration and the boot program come in as text.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import jinja2

from cluster.errors import UserDataTooLarge

CLOUD_INIT = Path(__file__).parent.parent / "cloud-init"
TEMPLATE = CLOUD_INIT / "cloud-config.yaml.j2"

# EC2 takes 16 KiB before base64:
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html
# Stopping short of it leaves room for what a fork or a later release adds.
LIMIT_BYTES = 14 * 1024


def render(node_config_text: str, boot_program_text: str) -> str:
    """The cloud-config of one machine."""
    return _template().render(
        node_config=node_config_text,
        boot_program=boot_program_text,
    )


@cache
def _template() -> jinja2.Template:
    # Not HTML: every value goes through the JSON filter, which quotes it for YAML.
    environment = jinja2.Environment(  # noqa: S701
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, trim_blocks=True
    )
    # Jinja's own filter also escapes for HTML, which costs bytes and hides the text.
    environment.filters["tojson"] = json.dumps
    return environment.from_string(TEMPLATE.read_text())


def require_room(node_configs: Iterable[str], boot_program_text: str) -> None:
    """Raises UserDataTooLarge where one of these would not fit, before anything is created."""
    for each in node_configs:
        encode(render(each, boot_program_text))


def encode(cloud_config: str) -> str:
    """The cloud-config as EC2 takes it: gzip, then base64; the same text gives the same result."""
    packed = gzip.compress(cloud_config.encode(), compresslevel=9, mtime=0)
    if len(packed) > LIMIT_BYTES:
        raise UserDataTooLarge(
            f"the user data of a machine is {len(packed)} bytes after compression, "
            f"{len(packed) - LIMIT_BYTES} over the limit of {LIMIT_BYTES}\n"
            "    shorten cluster.k3s.registries, the k3s keys, the labels or the taints; manifests "
            "of any size go through the bucket"
        )
    return base64.b64encode(packed).decode()

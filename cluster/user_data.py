"""
User data: what cloud-init gets on a machine, rendered from cloud-init/ and packed for EC2.

Decides nothing and holds no secret: the node configuration and the boot program are given.
"""

from __future__ import annotations

import base64
import bz2
import json
import zlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import jinja2

from cluster import boot_program, expiry, machine_files
from cluster.errors import UserDataTooLarge
from cluster.spec import Role

CLOUD_INIT = Path(__file__).parent.parent / "cloud-init"
TEMPLATE = CLOUD_INIT / "user-data.j2"
BOOTHOOK = CLOUD_INIT / "boothook.py.j2"
UNIT = CLOUD_INIT / "k3s-aws-boot.service"

# EC2 takes 16 KiB before base64:
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html
# What is not known at the preview, such as addresses, may be some bytes more.
LIMIT_BYTES = 16 * 1024 - 256
# zlib's sign for a gzip header, which has no time then.
_GZIP = 16 + zlib.MAX_WBITS
# What makes the parts of a node.json shorter that a configuration may fill, by their names.
_FIXES: Mapping[str, str] = {
    "registries": "shorten cluster.k3s.registries",
    "manifests": "have fewer cluster.manifests and charts: a file may hold many objects, and its "
    "size does not count",
    "config": "shorten the k3s keys, such as tls-san",
    "k3s": "shorten the addresses of cluster.proxy.noProxy",
    "labels": "shorten the labels",
    "taints": "shorten the taints",
}


def render(node_file: str, modules: Mapping[str, str], expires_at: str | None = None) -> str:
    """
    The user data of one machine: a MIME multi-part text of a packed boothook and a cloud-config.
    With a time, the machine ends itself then.

    bzip2 and base64 make the boothook 2 % shorter than the gzip of the whole alone would.
    """
    packed = bz2.compress(boothook(node_file, modules, expires_at).encode())
    return _template(TEMPLATE).render(boothook=base64.b64encode(packed).decode())


def boothook(node_file: str, modules: Mapping[str, str], expires_at: str | None = None) -> str:
    """
    The program of cloud-init's network stage: writes the files of `files` below, with their modes,
    and starts the boot program, whose modules are given by their paths below its folder.
    """
    folder = machine_files.BOOT_PROGRAM
    program = {f"{folder}/{path}": ("0644", text) for path, text in modules.items()}
    files = {
        machine_files.NODE: ("0600", node_file),
        **program,
        machine_files.BOOT_UNIT: ("0644", _unit()),
        **{path: ("0644", text) for path, text in _expiry(expires_at).items()},
    }
    relative = {path.lstrip("/"): file for path, file in files.items()}
    timer = Path(machine_files.EXPIRY_TIMER).name if expires_at else None
    return _template(BOOTHOOK).render(files=relative, timer=timer)


def _expiry(time: str | None) -> dict[str, str]:
    return expiry.units(time) if time else {}


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
    made.filters["literal"] = literal
    return made


def literal(text: str) -> str:
    """The text as a literal of Python in ASCII, over as many lines as it has."""
    lines = [line.encode("unicode_escape").decode() for line in text.split("\n")]
    return "'''" + "\n".join(lines).replace("'", "\\'") + "'''"


def require_room(
    node_files: Iterable[tuple[Role, str]],
    modules: Mapping[str, str],
    expires_at: str | None = None,
) -> None:
    """
    Raises UserDataTooLarge where one of these would not fit, before anything is created.

    Each node.json comes with the role of its machine; `modules` are all of the boot program.
    """
    for role, text in node_files:
        packed = _packed(render(text, boot_program.of_first_boot(modules, role), expires_at))
        if len(packed) > LIMIT_BYTES:
            raise UserDataTooLarge(_message(packed, _largest(text)))


def encode(text: str) -> str:
    """The user data as EC2 takes it: gzip, then base64; the same text gives the same result."""
    packed = _packed(text)
    if len(packed) > LIMIT_BYTES:
        raise UserDataTooLarge(_message(packed, "; or ".join(_FIXES.values())))
    return base64.b64encode(packed).decode()


def _packed(text: str) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, _GZIP, memLevel=9)
    return compressor.compress(text.encode()) + compressor.flush()


def _message(packed: bytes, fix: str) -> str:
    return (
        f"the user data of a machine is {len(packed)} bytes after compression, "
        f"{len(packed) - LIMIT_BYTES} over the limit of {LIMIT_BYTES}\n"
        f"    {fix}"
    )


def _largest(node_file: str) -> str:
    """How to shorten the part of a node.json that takes the most."""
    pool = json.loads(node_file)["pool"]
    sizes = {
        part: len(zlib.compress(json.dumps(pool[part]).encode(), 9))
        for part in _FIXES
        if part in pool
    }
    largest = max(sizes, key=sizes.__getitem__)
    return f"{_FIXES[largest]}; they take about {sizes[largest]} bytes of it"

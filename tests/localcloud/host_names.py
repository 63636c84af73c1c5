"""
Names that `pulumi` and its plugins resolve, for a test of an endpoint with a name.

The local cloud keeps records and resolves none. Here the processes have a hosts file of their own,
in a mount namespace: this host's stays as it is.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from tests.localcloud.stacks import Stack

HOSTS = Path("/etc/hosts")
WRAPPER = """\
#!/bin/sh
exec unshare -rm sh -c 'mount --bind "$0" {hosts} && exec "$@"' {own} {program} "$@"
"""


def resolving(stack: Stack, name: str, addresses: Iterable[str]) -> Stack:
    """The stack, where the name has these addresses, in this order."""
    folder = stack.folder / "names"
    folder.mkdir(exist_ok=True)
    own = folder / "hosts"
    lines = [f"{address} {name}\n" for address in addresses]
    own.write_text("".join([HOSTS.read_text(), *lines]))
    path = stack.environment["PATH"]
    wrapper = folder / "pulumi"
    wrapper.write_text(
        WRAPPER.format(hosts=HOSTS, own=own, program=shutil.which("pulumi", path=path))
    )
    wrapper.chmod(0o755)
    return replace(stack, environment={**stack.environment, "PATH": f"{folder}:{path}"})

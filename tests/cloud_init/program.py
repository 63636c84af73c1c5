"""The boot program as machines get it, loaded as a module: `cloud-init/` is not a package."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from cluster import boot_program


def load() -> Any:
    module = ModuleType("boot")
    # Its lines have the numbers of its source.
    code = compile(boot_program.text(), boot_program.SOURCE, "exec", dont_inherit=True)
    exec(code, module.__dict__)  # noqa: S102 - our own program
    return module


boot = load()

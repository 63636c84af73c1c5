"""The boot program, loaded from its file: `cloud-init/` is no package."""

from __future__ import annotations

import importlib.util
from typing import Any

from cluster.user_data import BOOT_PROGRAM


def load() -> Any:
    spec = importlib.util.spec_from_file_location("boot", BOOT_PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


boot = load()

"""components/plugin.py follows the provider's schema. `make golden` rewrites it."""

from __future__ import annotations

from pathlib import Path

from tests.golden import plugin_module

FILE = Path(__file__).parents[2] / "components" / "plugin.py"


def test_the_resources_of_the_plugin_are_those_of_the_provider() -> None:
    assert FILE.read_text() == plugin_module.render(), "run: make golden"

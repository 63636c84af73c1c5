"""The demo's folder on a machine of fake commands."""

from tests.localcloud.workbench.conftest import folder, machine, working_pulumi

__all__ = ["folder", "machine", "working_pulumi"]

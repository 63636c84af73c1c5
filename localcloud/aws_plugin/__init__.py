"""
The stand-in for Pulumi's `aws` provider plugin, used where the official one cannot be installed.

It has the types and lookups that this program uses, and calls AWS through boto3 at the endpoints of
the provider's configuration. What replaces a resource and what changes in place follows the real
plugin, attribute by attribute.
"""

import importlib.util
import json
from pathlib import Path

from toolchain.errors import ToolchainError


def sdk_version() -> str:
    """The version that the installed SDK asks the engine for. Raises ToolchainError."""
    found = importlib.util.find_spec("pulumi_aws")
    if found is None or found.origin is None:
        raise ToolchainError("pulumi-aws is not installed\n    run make demo, or make venv")
    content = json.loads(Path(found.origin).with_name("pulumi-plugin.json").read_text())
    return str(content["version"])


VERSION = sdk_version()
"""The plugin's version, which the engine takes for the SDK's only where it is the same."""

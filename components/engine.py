"""The engine that runs the program."""

from __future__ import annotations

from pathlib import Path

import pulumi
import yaml

PROJECT_FILE = Path(__file__).parent.parent / "Pulumi.yaml"


def require_version(project_file: Path = PROJECT_FILE) -> None:
    """
    Ends the program where the engine is older than the project's file requires.

    The engine reads `requiredPulumiVersion` itself since 3.219.0. An older one neither does nor
    knows what the program relies on: it ignores `replacement_trigger` without a word, and machines
    that have to be replaced would stay.
    """
    required = yaml.safe_load(project_file.read_text())["requiredPulumiVersion"]
    try:
        pulumi.require_pulumi_version(required)
    except Exception as error:
        # The SDK raises exactly this, whether the engine refuses or cannot compare.
        if type(error) is not Exception:
            raise
        raise pulumi.RunError(
            f"the Pulumi CLI is not of the version that this program needs, {required}: {error}\n"
            "    install a newer one: https://www.pulumi.com/docs/iac/download-install/"
        ) from None

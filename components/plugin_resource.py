"""What the resources of the `k3s` provider plugin have in common; they are in plugin.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

import pulumi

Inputs = TypeVar("Inputs", bound=Mapping[str, object])


class PluginResource(pulumi.CustomResource, Generic[Inputs]):
    """A resource of the plugin: its token, and its outputs as the annotations of the class."""

    pulumi_type: ClassVar[str]

    def __init__(
        self, name: str, inputs: Inputs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        # The SDK makes an attribute of each key it is given; None asks for an output.
        properties: dict[str, Any] = {**dict.fromkeys(type(self).__annotations__), **inputs}
        super().__init__(self.pulumi_type, name, properties, opts)

"""
The `k3s` plugin of the package: the resources of provider/, and the component built from them.

`python -m k3s_aws.plugin_server [engine address]`, started by the engine.
"""

from __future__ import annotations

import sys
from functools import cached_property
from typing import Any

from pulumi.runtime.proto import provider_pb2

from k3s_aws import package_schema
from k3s_aws.construction import Constructions
from provider.protocol.errors import translate_errors
from provider.protocol.process import serve
from provider.protocol.servicer import Servicer
from provider.resources import K3sProvider


class PackageServicer(Servicer):
    """Serves the component too; its resources are created by another process of this plugin."""

    @cached_property
    def _constructions(self) -> Constructions:
        return Constructions(self._engine.address or "")

    def GetSchema(self, request: Any, context: Any) -> Any:
        return provider_pb2.GetSchemaResponse(schema=package_schema.render())

    @translate_errors
    def Construct(self, request: Any, context: Any) -> Any:
        return self._constructions.construct(request)


def main() -> None:
    """Serves until the engine ends it."""
    # The engine may pass flags before its address.
    serve(K3sProvider(), sys.argv[-1] if len(sys.argv) > 1 else None, PackageServicer)

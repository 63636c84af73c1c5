"""Creates the component for programs in other languages, by the SDK's own server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
from pulumi.provider import ConstructResult, Provider
from pulumi.provider.server import ProviderServicer

from cluster.version import VERSION
from k3s_aws import cluster_names, package_outputs, package_schema
from k3s_aws.k3s_cluster import K3sCluster, K3sClusterArgs
from provider.errors import OperationFailed


class Components(Provider):
    """The components of the package, as the SDK serves them."""

    def __init__(self) -> None:
        super().__init__(VERSION, package_schema.render())

    def construct(
        self,
        name: str,
        resource_type: str,
        inputs: Mapping[str, Any],
        options: pulumi.ResourceOptions | None = None,
    ) -> ConstructResult:
        if resource_type != package_schema.TOKEN:
            raise pulumi.RunError(
                f"the k3s package has no component {resource_type}\n"
                f"    it has {package_schema.TOKEN}"
            )
        args = K3sClusterArgs(
            cluster=inputs.get("cluster") or {},
            registry_auth=inputs.get("registryAuth"),
            login_key=inputs.get("loginKey"),
            # The engine starts a plugin in the folder of the caller's project.
            files=Path.cwd(),
        )
        created = K3sCluster(name, args, options)
        return ConstructResult(created.urn, package_outputs.of(created))


class Constructions:
    """
    One event loop in a thread of its own, for every construction.

    It runs as long as the process: the engine calls the hooks of resources also afterwards.
    """

    def __init__(self, engine_address: str) -> None:
        self._servicer = ProviderServicer(Components(), [], engine_address)
        self._loop = asyncio.new_event_loop()
        # Every construction has a connection of its own, to the monitor of its run.
        self._taken: dict[str, cluster_names.Taken] = {}
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def construct(self, request: Any) -> Any:
        """The response to a Construct request. Raises OperationFailed with what is wrong."""
        done = asyncio.run_coroutine_threadsafe(self._construct(request), self._loop)
        try:
            return done.result()
        except pulumi.RunError as error:
            raise OperationFailed(str(error)) from None

    async def _construct(self, request: Any) -> Any:
        # Each call is a task, which has a context of its own.
        cluster_names.share(self._taken.setdefault(request.monitorEndpoint, cluster_names.Taken()))
        return await self._servicer.Construct(request, None)

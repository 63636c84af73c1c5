"""
One health check of a target: a TCP connection, or the status of an HTTP response.

https://docs.aws.amazon.com/elasticloadbalancing/latest/network/target-group-health-checks.html
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass

from localcloud.load_balancers.model import HealthCheck, Target
from localcloud.load_balancers.network import Network

MOST_STATUS_BYTES = 4096


@dataclass(frozen=True)
class Node:
    """The node that checks: its private address, and the port of its listener."""

    address: str
    port: int


async def passes(network: Network, check: HealthCheck, target: Target, node: Node) -> bool:
    """Whether the target passes the check within the timeout."""
    try:
        async with asyncio.timeout(check.timeout_seconds):
            return await _check(network, check, target, node)
    except (OSError, EOFError, LookupError, ValueError, asyncio.LimitOverrunError):
        return False


async def _check(network: Network, check: HealthCheck, target: Target, node: Node) -> bool:
    if target.address is None:
        return False
    port = check.port or target.port
    reader, writer = await network.connect(target.address, port, node.address)
    try:
        if check.protocol == "TCP":
            return True
        if check.protocol == "HTTPS":
            await writer.start_tls(_any_certificate())
        # The node's own address and port, not the target's.
        host = f"{node.address}:{node.port}"
        return check.accepts(await _status(reader, writer, check.path, host))
    finally:
        with suppress(OSError):
            writer.transport.abort()


async def _status(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, host: str
) -> int:
    head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: ELB-HealthChecker/2.0\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n".encode())
    await writer.drain()
    line = (await reader.readuntil(b"\n"))[:MOST_STATUS_BYTES]
    return int(line.split()[1])


def _any_certificate() -> ssl.SSLContext:
    """A load balancer does not validate the certificates of its targets, nor speak TLS 1.3."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context

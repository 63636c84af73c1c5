"""Reads `cluster.proxy`: how the machines reach what is outside their network."""

from __future__ import annotations

from cluster.errors import Kind
from cluster.reading.section import Section
from cluster.spec import Proxy


def read(section: Section) -> Proxy | None:
    """The proxy; None where there is none."""
    http, https = section["httpProxy"], section["httpsProxy"]
    if not section.given("httpProxy", "httpsProxy"):
        if "noProxy" in section and section.valid("noProxy"):
            fix = "set httpProxy, or remove it"
            section.report("noProxy", "is set, and there is no proxy", fix, Kind.CONFLICT)
        return None
    return Proxy(http_proxy=http, https_proxy=https or http, no_proxy=section["noProxy"])

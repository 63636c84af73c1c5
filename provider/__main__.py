"""Run by pulumi-resource-k3s: `python3 -m provider [engine address]`."""

from __future__ import annotations

import sys

from provider.protocol.process import serve
from provider.resources import K3sProvider

# The engine may pass flags before its address.
serve(K3sProvider(), sys.argv[-1] if len(sys.argv) > 1 else None)

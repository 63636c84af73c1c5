"""Run by pulumi-resource-k3s: `python3 -m provider [engine address]`."""

from __future__ import annotations

import sys

from provider.protocol.process import serve

serve(sys.argv[1:])

"""The address ranges that k3s itself uses where none are set."""

from __future__ import annotations

CLUSTER_CIDR = "10.42.0.0/16"
SERVICE_CIDR = "10.43.0.0/16"

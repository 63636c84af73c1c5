"""Machines: EC2 instances as Docker system containers with systemd, sshd and cloud-init."""

from localcloud.machines.containers import Machines, MachineSpec
from localcloud.machines.image import ensure_emulated_image, ensure_image
from localcloud.machines.ingress import Ingress

__all__ = ["Ingress", "MachineSpec", "Machines", "ensure_emulated_image", "ensure_image"]

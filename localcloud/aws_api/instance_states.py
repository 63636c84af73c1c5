"""
The transitional states: pending, stopping, shutting-down.

moto goes from one lasting state to the next at once. Here an instance reaches it only when its
machine has, so a wait on the API is a wait for the machine.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from localcloud.aws_api import shutdown_behavior

CODES = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}
BEFORE = {"running": "pending", "stopped": "stopping", "terminated": "shutting-down"}
# moto's description of the interface it creates itself. EC2 deletes that one with the instance by
# default; moto deletes it only on request.
OWN_INTERFACE = "Primary network interface"
BUSY_SECONDS = 1.0
"""How long the interfaces of a terminated instance are still in use."""


class InstanceStates:
    """Holds each instance in the state before until its machine has followed."""

    def __init__(self, backend: Callable[[], Any]) -> None:
        self._backend = backend
        self._lock = threading.Lock()
        self._reached: dict[str, str] = {}

    def hold(self) -> None:
        """Sets back every instance whose machine has not followed yet."""
        with self._lock:
            for instance in list(self._backend().all_instances()):
                before = BEFORE.get(instance.state)
                if before and self._reached.get(instance.id) != instance.state:
                    _set(instance, before)

    def reached(self, instance_id: str, state: str) -> None:
        """The machine is in this state; does nothing when another one was requested meanwhile."""
        with self._lock:
            instance = self._backend().get_instance(instance_id)
            if instance.state not in (state, BEFORE[state]):
                return
            if self._reached.get(instance_id) != state:
                self._reached[instance_id] = state
                if state == "terminated":
                    later = threading.Timer(BUSY_SECONDS, self._release, [instance])
                    later.daemon = True
                    later.start()
            _set(instance, state)

    def failed(self, instance_id: str, reason: str) -> None:
        """
        A machine could not be started, which EC2 calls an internal error.

        An instance that never ran goes to terminated, one that did goes back to stopped.
        """
        with self._lock:
            instance = self._backend().get_instance(instance_id)
            if instance.state not in ("pending", "running"):
                return
            if instance_id in self._reached:
                instance.stop()
            else:
                instance.terminate()
            instance.state_reason.message = f"Server.InternalError: {reason}"
            instance.state_reason.code = "Server.InternalError"
        self.hold()

    def shut_down(self, instance_id: str) -> None:
        """A machine shut itself down; does nothing when something was requested meanwhile."""
        with self._lock:
            instance = self._backend().get_instance(instance_id)
            if instance.state != "running":
                return
            shutdown_behavior.end(instance)
        self.hold()

    def _release(self, instance: Any) -> None:
        with self._lock:
            _release_interfaces(self._backend(), instance)

    def ending(self) -> set[str]:
        """The instances whose machine has to be gone before they are terminated."""
        return {
            instance.id
            for instance in list(self._backend().all_instances())
            if instance.state in ("shutting-down", "terminated")
            and self._reached.get(instance.id) != "terminated"
        }


class NoInterfaces(dict[int, Any]):
    """The interfaces of a terminated instance; moto reads the addresses of the first one."""

    def __missing__(self, index: int) -> Any:
        return SimpleNamespace(private_ip_address="", public_ip=None)


def _set(instance: Any, state: str) -> None:
    instance._state.name, instance._state.code = state, CODES[state]


def _release_interfaces(ec2: Any, instance: Any) -> None:
    """EC2 frees the interfaces of a terminated instance, in a moment; moto never does."""
    released = [each for each in instance.nics.values() if each.instance is instance]
    instance.nics = NoInterfaces()
    for interface in released:
        instance.detach_eni(interface)
        if interface.description == OWN_INTERFACE and interface.id in ec2.enis:
            for address in list(ec2.addresses):
                if address.eni is interface:
                    ec2.disassociate_address(address=address.public_ip)
            interface.delete()

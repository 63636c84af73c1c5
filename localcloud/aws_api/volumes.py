"""
EBS volumes in moto: their states between attaching and detaching, and while they are modified.

moto attaches, detaches and modifies at once. Here a state is reached only when the machine has.
The root volume of an instance is moto's alone.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

GP3_THROUGHPUT = 125
"""https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVolume.html"""
LEAVING = ("detaching", "busy")


@dataclass(frozen=True, kw_only=True)
class EbsVolume:
    """A volume as the API describes it; without an instance where it is attached to none."""

    volume_id: str
    gib: int
    instance_id: str | None
    instance_runs: bool
    state: str | None

    @property
    def is_wanted(self) -> bool:
        """Whether its instance should have it."""
        return self.state in ("attaching", "attached")


class VolumeStates:
    """Lets moto's volumes reach the state that their machine has."""

    def __init__(self, backend: Callable[[], Any]) -> None:
        self._backend = backend
        self._lock = threading.Lock()

    def attached(self, volume_id: str) -> None:
        """The machine has it."""
        with self._lock:
            if (attachment := self._attachment(volume_id)) and attachment.status == "attaching":
                attachment.status = "attached"

    def busy(self, volume_id: str) -> None:
        """The machine uses it, and so keeps it."""
        with self._lock:
            if (attachment := self._attachment(volume_id)) and attachment.status == "detaching":
                attachment.status = "busy"

    def detached(self, volume_id: str) -> None:
        """The machine has it no longer."""
        with self._lock:
            if (attachment := self._attachment(volume_id)) and attachment.status in LEAVING:
                attachment.instance.block_device_mapping.pop(attachment.device, None)
                attachment.status = "detached"
                attachment.volume.attachment = None

    def modified(self, volume_id: str, gib: int) -> None:
        """The machine has it at this size; does nothing when another was requested meanwhile."""
        volume = self._backend().volumes.get(volume_id)
        for each in list(volume.modifications) if volume and volume.size == gib else ():
            each.modification_state, each.progress = "completed", 100

    def _attachment(self, volume_id: str) -> Any | None:
        volume = self._backend().volumes.get(volume_id)
        return _by_call(volume) if volume else None


def described(ec2: Any) -> Iterator[EbsVolume]:
    """Every volume."""
    for volume in list(ec2.volumes.values()):
        attachment = _by_call(volume)
        yield EbsVolume(
            volume_id=volume.id,
            gib=int(volume.size),
            instance_id=attachment.instance.id if attachment else None,
            instance_runs=attachment is not None
            and attachment.instance.state in ("pending", "running"),
            state=attachment.status if attachment else None,
        )


def _by_call(volume: Any) -> Any | None:
    """The attachment that was asked for; None for a root volume, which comes with its instance."""
    attachment = volume.attachment
    return attachment if getattr(attachment, "by_call", False) else None


@functools.cache
def install() -> None:
    """Makes moto's volumes wait for their machine."""
    from moto.ec2.models.elastic_block_store import EBSBackend, VolumeModification

    EBSBackend.attach_volume = _attaching(EBSBackend.attach_volume)
    EBSBackend.detach_volume = _detaching(EBSBackend.detach_volume)
    EBSBackend.create_volume = _with_throughput(EBSBackend.create_volume)
    VolumeModification.modification_state = "modifying"
    VolumeModification.progress = 0


def _attaching(by_moto: Callable[..., Any]) -> Callable[..., Any]:
    def attach_volume(
        ec2: Any, volume_id: str, instance_id: str, device: str, of_instance: bool | None = None
    ) -> Any:
        # Only an instance that is being made says whether its volume ends with it.
        attachment = by_moto(ec2, volume_id, instance_id, device, bool(of_instance))
        if of_instance is None:
            attachment.by_call, attachment.status = True, "attaching"
        return attachment

    return attach_volume


def _detaching(by_moto: Callable[..., Any]) -> Callable[..., Any]:
    def detach_volume(
        ec2: Any, volume_id: str, instance_id: str | None = None, device: str | None = None
    ) -> Any:
        attachment = ec2.get_volume(volume_id).attachment
        if not getattr(attachment, "by_call", False):
            holder = instance_id or (attachment and attachment.instance.id)
            return by_moto(ec2, volume_id, holder, device)
        if attachment.status not in LEAVING:
            attachment.status = "detaching"
        return attachment

    return detach_volume


def _with_throughput(by_moto: Callable[..., Any]) -> Callable[..., Any]:
    def create_volume(ec2: Any, *args: Any, **given: Any) -> Any:
        volume = by_moto(ec2, *args, **given)
        if volume.volume_type == "gp3" and not volume.throughput:
            volume.throughput = GP3_THROUGHPUT
        return volume

    return create_volume

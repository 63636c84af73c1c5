"""Brings each EBS volume to the machine it is attached to, at the size the API says."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from localcloud.aws_api.moto_state import MotoState
from localcloud.aws_api.volumes import EbsVolume, VolumeStates
from localcloud.jobs import Action
from localcloud.machines.host import HostVolumes

log = logging.getLogger("localcloud.attachments")


@dataclass(frozen=True, kw_only=True)
class Device:
    """A volume as a machine has it; `pid` is the machine's first process, which it ends with."""

    instance_id: str
    pid: int
    gib: int


class Attachments:
    """Compares the volumes of the API with those that the machines have."""

    def __init__(self, state: MotoState, states: VolumeStates, host: HostVolumes) -> None:
        self._state, self._states, self._host = state, states, host
        self._devices: dict[str, Device] = {}
        # A machine numbers its devices itself, so it gets one at a time.
        self._one = threading.Lock()

    def provide(self, instance_id: str, pid: int) -> None:
        """Gives a machine that boots its volumes. Raises MachineError."""
        for volume in self._state.volumes():
            if volume.instance_id == instance_id and volume.is_wanted:
                device = Device(instance_id=instance_id, pid=pid, gib=volume.gib)
                self._attach(volume.volume_id, device)

    def due(self, served: Mapping[str, int], busy: set[str]) -> Iterator[tuple[str, Action]]:
        """
        What has to be done for which volume, so that the machines have theirs.

        `served` are the first processes of the machines that run, by instance id; an instance
        or a volume that is `busy` is left alone.
        """
        # First: one that is created meanwhile must not look as if it were deleted.
        files = self._host.all()
        volumes = {each.volume_id: each for each in self._state.volumes()}
        for volume_id, volume in volumes.items():
            device = self._devices.get(volume_id)
            holder = device.instance_id if device else None
            if busy & {volume_id, volume.instance_id, holder}:
                continue
            wanted = _wanted(volume, served)
            if wanted == device:
                self._settle(volume)
            elif wanted and (not device or holder == wanted.instance_id):
                yield volume_id, partial(self._attach, volume_id, wanted)
            elif device:
                running = holder if served.get(device.instance_id) == device.pid else None
                yield volume_id, partial(self._detach, volume_id, running)
        for volume_id in files - volumes.keys():
            self._host.delete(volume_id)
            log.info("%s: deleted", volume_id)

    def _settle(self, volume: EbsVolume) -> None:
        """Lets the API report where the volume is."""
        if volume.is_wanted:
            # A machine that is about to boot gets it then; one that does not run, with its start.
            if volume.volume_id in self._devices or not volume.instance_runs:
                self._states.attached(volume.volume_id)
        else:
            self._states.detached(volume.volume_id)
        self._states.modified(volume.volume_id, volume.gib)

    def _attach(self, volume_id: str, device: Device) -> None:
        with self._one:
            self._host.attach(device.instance_id, volume_id, device.gib)
            self._devices[volume_id] = device
        log.info("%s: %d GiB in %s", volume_id, device.gib, device.instance_id)

    def _detach(self, volume_id: str, running: str | None) -> bool:
        with self._one:
            if not self._host.detach(volume_id, running):
                self._states.busy(volume_id)
                return False
            self._devices.pop(volume_id, None)
        log.info("%s: detached", volume_id)
        return True


def _wanted(volume: EbsVolume, served: Mapping[str, int]) -> Device | None:
    holder = volume.instance_id
    if holder is None or holder not in served or not volume.is_wanted:
        return None
    return Device(instance_id=holder, pid=served[holder], gib=volume.gib)

"""Fetching k3s when the network or a source fails."""

from __future__ import annotations

import hashlib

import pytest

from tests.cloud_init.simulated_aws import K3S, Download
from tests.cloud_init.simulated_machine import SimulatedMachine

SHA256 = hashlib.sha256(K3S).hexdigest()


def use(machine: SimulatedMachine, **places: Download) -> None:
    """Makes the node fetch k3s from these places, in order."""
    machine.downloads = {f"/{name}/k3s": place for name, place in places.items()}
    sources = [machine.url + path for path in machine.downloads]
    machine.configure("server", k3s={"version": "v1", "sources": sources, "sha256": SHA256})


def use_bucket(machine: SimulatedMachine, *sources: str) -> None:
    """Makes the node fetch k3s from these sources, some in a bucket; each serves what it is."""
    machine.downloads = {"/good/k3s": Download(), "/wrong/k3s": Download(b"wrong")}
    files = {"good": K3S, "wrong": b"wrong", "worse": b"worse"}
    machine.objects = {f"/the-bucket/{name}/k3s": content for name, content in files.items()}
    machine.configure("server", k3s={"version": "v1", "sources": sources, "sha256": SHA256})


def installed(machine: SimulatedMachine) -> bytes:
    return (machine.root / "usr/local/bin/k3s").read_bytes()


def test_a_broken_download_is_resumed_where_it_stopped(machine: SimulatedMachine) -> None:
    place = Download(cuts=[300_000, 700_000])
    use(machine, place=place)
    assert machine.boot() == 0
    assert place.ranges == [None, "bytes=300000-", "bytes=700000-"]
    assert installed(machine) == K3S


def test_a_place_that_cannot_resume_sends_the_whole_file_again(machine: SimulatedMachine) -> None:
    place = Download(cuts=[300_000], resumable=False)
    use(machine, place=place)
    assert machine.boot() == 0
    assert place.ranges == [None, "bytes=300000-"]
    assert installed(machine) == K3S


def test_a_rest_of_another_file_is_thrown_away(machine: SimulatedMachine) -> None:
    part = machine.root / "usr/local/bin/.k3s.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"of an older version")
    place = Download()
    use(machine, place=place)
    assert machine.boot() == 0
    assert place.ranges == ["bytes=19-", None]
    assert installed(machine) == K3S


def test_a_rest_longer_than_the_file_is_thrown_away(machine: SimulatedMachine) -> None:
    part = machine.root / "usr/local/bin/.k3s.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(K3S + b"more")
    use(machine, place=Download())
    assert machine.boot() == 0
    assert installed(machine) == K3S


@pytest.mark.parametrize(
    "first",
    [Download(status=503), Download(status=404), Download(b"wrong")],
    ids=["down", "gone", "wrong"],
)
def test_the_second_place_serves_when_the_first_does_not(
    machine: SimulatedMachine, first: Download
) -> None:
    use(machine, first=first, second=Download())
    assert machine.boot() == 0
    assert installed(machine) == K3S


def test_a_wrong_file_is_never_installed(machine: SimulatedMachine) -> None:
    use(machine, first=Download(b"wrong"))
    assert machine.boot() == 1
    wrong = hashlib.sha256(b"wrong").hexdigest()
    expected = f"{machine.url}/first/k3s has SHA-256 {wrong}, expected {SHA256}"
    assert ("download-k3s", expected) == machine.cause()
    assert list((machine.root / "usr/local/bin").iterdir()) == []


@pytest.mark.parametrize(
    "first",
    ["s3://the-bucket/gone/k3s", "s3://the-bucket/wrong/k3s", "{url}/wrong/k3s"],
    ids=["gone-from-the-bucket", "wrong-in-the-bucket", "wrong-elsewhere"],
)
def test_a_bucket_serves_when_the_place_before_it_does_not(
    machine: SimulatedMachine, first: str
) -> None:
    use_bucket(machine, first.format(url=machine.url), "s3://the-bucket/good/k3s")
    assert machine.boot() == 0, machine.cause()
    assert installed(machine) == K3S


def test_another_place_serves_when_the_bucket_has_a_wrong_file(machine: SimulatedMachine) -> None:
    use_bucket(machine, "s3://the-bucket/wrong/k3s", f"{machine.url}/good/k3s")
    assert machine.boot() == 0, machine.cause()
    assert installed(machine) == K3S


@pytest.mark.parametrize(
    "places",
    [
        ["{url}/wrong/k3s"],
        ["s3://the-bucket/wrong/k3s"],
        ["s3://the-bucket/wrong/k3s", "s3://the-bucket/worse/k3s"],
        ["{url}/wrong/k3s", "s3://the-bucket/worse/k3s"],
    ],
    ids=["address", "bucket", "bucket-twice", "both-kinds"],
)
def test_a_wrong_file_from_any_source_stops_the_boot(
    machine: SimulatedMachine, places: list[str]
) -> None:
    sources = [each.format(url=machine.url) for each in places]
    use_bucket(machine, *sources)
    assert machine.boot() == 1
    expected = "; ".join(
        f"{each} has SHA-256 {received(each)}, expected {SHA256}" for each in sources
    )
    assert ("download-k3s", expected) == machine.cause()
    assert list((machine.root / "usr/local/bin").iterdir()) == []
    assert not (machine.root / "etc/systemd/system/k3s.service").exists()
    assert machine.systemd.restarts("k3s") == 0


def received(source: str) -> str:
    return hashlib.sha256(source.split("/")[-2].encode()).hexdigest()


def test_a_wrong_manifest_of_the_bucket_stops_the_boot(machine: SimulatedMachine) -> None:
    machine.objects["/the-bucket/manifests/x/big.yaml"] = b"wrong"
    source, sha256 = "s3://the-bucket/manifests/x/big.yaml", hashlib.sha256(b"right").hexdigest()
    machine.configure("server", manifests={"big.yaml": {"source": source, "sha256": sha256}})
    assert machine.boot() == 1
    wrong = hashlib.sha256(b"wrong").hexdigest()
    assert machine.cause()[1] == f"{source} has SHA-256 {wrong}, expected {sha256}"
    assert machine.systemd.restarts("k3s") == 0


def test_every_place_is_named_when_none_has_the_file(machine: SimulatedMachine) -> None:
    use(machine, first=Download(status=404), second=Download(status=403))
    assert machine.boot() == 1
    expected = f"{machine.url}/first/k3s returned 404; {machine.url}/second/k3s returned 403"
    assert ("download-k3s", expected) == machine.cause()


def test_a_place_that_stays_down_ends_with_the_deadline(machine: SimulatedMachine) -> None:
    use(machine, first=Download(status=503))
    began = machine.clock.now
    assert machine.boot() == 1
    phase, cause = machine.cause()
    assert phase == "download-k3s"
    assert cause.startswith("k3s was not downloaded: waited 29")
    assert cause.endswith(f"last error: {machine.url}/first/k3s returned 503")
    assert machine.clock.now - began <= 300


@pytest.mark.parametrize("size", [1, 1000])
def test_a_slow_place_loses_its_turn(machine: SimulatedMachine, size: int) -> None:
    use(machine, slow=Download(drips=size, resumable=False), good=Download(resumable=False))
    assert machine.boot() == 0
    assert installed(machine) == K3S
    assert any("/slow/k3s is too slow: " in line for line in machine.log_lines)


def test_a_slow_place_does_not_outlast_the_deadline(machine: SimulatedMachine) -> None:
    use(machine, slow=Download(drips=1))
    began = machine.clock.now
    assert machine.boot() == 1
    phase, cause = machine.cause()
    assert phase == "download-k3s"
    assert "/slow/k3s is too slow: " in cause
    assert machine.clock.now - began < 330


def test_a_place_that_sends_without_an_end_is_left(
    machine: SimulatedMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("boot.download.GREATEST_BYTES", 20 << 20)
    use(machine, endless=Download(drips=10 << 20), good=Download())
    assert machine.boot() == 0
    assert installed(machine) == K3S
    assert any("/endless/k3s is longer than 20 MiB" in line for line in machine.log_lines)


def test_a_web_server_that_refuses_once_is_asked_again(machine: SimulatedMachine) -> None:
    """As GitHub's does for an address that others share, or a signed link that is too old."""
    place = Download(status=403)
    use(machine, place=place)
    sleep = machine.clock.sleep

    def admitted(seconds: float) -> None:
        place.status = None
        sleep(seconds)

    machine.clock.sleep = admitted  # type: ignore[method-assign]
    assert machine.boot() == 0
    assert len(place.ranges) == 2


def test_a_full_disk_is_named_before_anything_is_written(machine: SimulatedMachine) -> None:
    machine.free_bytes = lambda: 50 << 20
    use(machine, first=Download())
    assert machine.boot() == 1
    place = machine.root / "usr/local/bin"
    assert ("download-k3s", f"{place} has 50 MiB free, 0 MiB are needed") == machine.cause()
    assert list(place.iterdir()) == []


def test_a_bucket_that_stays_closed_is_named_after_a_minute(machine: SimulatedMachine) -> None:
    machine.rejected_objects = 1000
    machine.configure(
        "server",
        k3s={"version": "v1", "sources": ["s3://the-bucket/k3s/y/k3s"], "sha256": "0" * 64},
    )
    began = machine.clock.now
    assert machine.boot() == 1
    assert machine.cause() == ("download-k3s", "s3://the-bucket/k3s/y/k3s returned 403")
    assert 60 <= machine.clock.now - began < 80

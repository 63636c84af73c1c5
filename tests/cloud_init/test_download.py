"""Fetching k3s when the network or a download place misbehaves."""

from __future__ import annotations

import hashlib

import pytest

from tests.cloud_init.world import K3S, Download, World

SHA256 = hashlib.sha256(K3S).hexdigest()


def use(world: World, **places: Download) -> None:
    """Makes the node fetch k3s from these places, in order."""
    world.downloads = {f"/{name}/k3s": place for name, place in places.items()}
    sources = [world.url + path for path in world.downloads]
    world.configure("server", k3s={"version": "v1", "sources": sources, "sha256": SHA256})


def installed(world: World) -> bytes:
    return (world.root / "usr/local/bin/k3s").read_bytes()


def test_a_broken_download_is_resumed_where_it_stopped(world: World) -> None:
    place = Download(cuts=[300_000, 700_000])
    use(world, place=place)
    assert world.boot() == 0
    assert place.ranges == [None, "bytes=300000-", "bytes=700000-"]
    assert installed(world) == K3S


def test_a_place_that_cannot_resume_sends_the_whole_file_again(world: World) -> None:
    place = Download(cuts=[300_000], resumable=False)
    use(world, place=place)
    assert world.boot() == 0
    assert place.ranges == [None, "bytes=300000-"]
    assert installed(world) == K3S


def test_a_rest_of_another_file_is_thrown_away(world: World) -> None:
    part = world.root / "usr/local/bin/.k3s.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"of an older version")
    place = Download()
    use(world, place=place)
    assert world.boot() == 0
    assert place.ranges == ["bytes=19-", None]
    assert installed(world) == K3S


def test_a_rest_longer_than_the_file_is_thrown_away(world: World) -> None:
    part = world.root / "usr/local/bin/.k3s.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(K3S + b"more")
    use(world, place=Download())
    assert world.boot() == 0
    assert installed(world) == K3S


@pytest.mark.parametrize(
    "first",
    [Download(status=503), Download(status=404), Download(b"wrong")],
    ids=["down", "gone", "wrong"],
)
def test_the_second_place_serves_when_the_first_does_not(world: World, first: Download) -> None:
    use(world, first=first, second=Download())
    assert world.boot() == 0
    assert installed(world) == K3S


def test_a_wrong_file_is_never_installed(world: World) -> None:
    use(world, first=Download(b"wrong"))
    assert world.boot() == 1
    wrong = hashlib.sha256(b"wrong").hexdigest()
    expected = f"{world.url}/first/k3s has SHA-256 {wrong}, expected {SHA256}"
    assert ("download-k3s", expected) == world.cause()
    assert list((world.root / "usr/local/bin").iterdir()) == []


def test_every_place_is_named_when_none_has_the_file(world: World) -> None:
    use(world, first=Download(status=404), second=Download(status=403))
    assert world.boot() == 1
    expected = f"{world.url}/first/k3s answered 404; {world.url}/second/k3s answered 403"
    assert ("download-k3s", expected) == world.cause()


def test_a_place_that_stays_down_ends_with_the_deadline(world: World) -> None:
    use(world, first=Download(status=503))
    began = world.clock.now
    assert world.boot() == 1
    phase, cause = world.cause()
    assert phase == "download-k3s"
    assert cause.startswith("k3s was not downloaded: waited 29")
    assert cause.endswith(f"last answer: {world.url}/first/k3s answered 503")
    assert world.clock.now - began <= 300


def test_a_full_disk_is_named_before_anything_is_written(world: World) -> None:
    world.free = 50 << 20
    use(world, first=Download())
    assert world.boot() == 1
    place = world.root / "usr/local/bin"
    assert ("download-k3s", f"{place} has 50 MiB free, 0 MiB are needed") == world.cause()
    assert list(place.iterdir()) == []

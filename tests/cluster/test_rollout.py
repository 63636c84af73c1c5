"""The order in which existing machines are changed."""

from __future__ import annotations

import pytest

from cluster import rollout


@pytest.mark.parametrize(
    ("max_unavailable", "expected"),
    [
        (1, [(), (0,), (1,), (2,), (3,)]),
        (2, [(), (), (0,), (1,), (2,)]),
        (5, [(), (), (), (), ()]),
        (9, [(), (), (), (), ()]),
    ],
)
def test_each_machine_comes_after_the_one_so_many_places_before(
    max_unavailable: int, expected: list[tuple[int, ...]]
) -> None:
    assert expected == [rollout.predecessor(index, max_unavailable) for index in range(5)]


@pytest.mark.parametrize("max_unavailable", range(1, 8))
@pytest.mark.parametrize("count", range(8))
def test_never_are_more_machines_changed_at_a_time_than_may_be(
    count: int, max_unavailable: int
) -> None:
    done: set[int] = set()
    while len(done) < count:
        # A node that is not done and has no predecessor left may be changed now.
        changing = {
            index
            for index in set(range(count)) - done
            if done.issuperset(rollout.predecessor(index, max_unavailable))
        }
        assert 1 <= len(changing) <= max_unavailable
        done.add(max(changing))


@pytest.mark.parametrize(
    ("max_unavailable", "count", "expected"),
    [(1, 10, 1), (3, 2, 3), ("25%", 10, 2), ("25%", 3, 1), ("100%", 7, 7), ("1%", 1000, 10)],
)
def test_a_percentage_is_rounded_down_and_is_at_least_one_machine(
    max_unavailable: int | str, count: int, expected: int
) -> None:
    assert expected == rollout.limit(max_unavailable, count)


def test_the_machines_of_the_last_update_are_counted_by_pool() -> None:
    nodes = [{"pool": "servers"}, {"pool": "agents"}, {"pool": "agents"}]
    assert rollout.existing_machines(nodes) == {"servers": 1, "agents": 2}


@pytest.mark.parametrize("nodes", [None, []])
def test_before_the_first_update_no_machine_exists(nodes: list[dict[str, str]] | None) -> None:
    assert rollout.existing_machines(nodes) == {}

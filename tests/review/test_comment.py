"""A comment suits how its preview ended, and keeps what is dangerous when it is cut."""

from __future__ import annotations

import re
from typing import Any

import pytest

from review import comment, event_log, part
from review.errors import ReviewError
from review.preview import Preview
from tests.golden import comments
from tests.review import logs, page

VOLUME = "aws:ebs/volume:Volume"
COST: dict[str, Any] = {
    "currency": "USD", "monthly": 120.5, "hourly": 0.1651, "unknown": [], "items": [],
    "pricesOf": "2026-11-01",
}  # fmt: skip


def rendered(preview: Preview | str, limit: int = comment.LIMIT, name: str | None = None) -> str:
    return comment.render([(name, preview)], comments.NOW, comments.RUN, limit)


def headline(text: str) -> str:
    """The first headline as a reader sees it."""
    return re.sub(r"<[^>]*>", "", text.splitlines()[0])


def priced(before: dict[str, Any] | None, after: dict[str, Any] | None, *steps: Any) -> Preview:
    old = {"clusterRecord": logs.record(), **({"cost": before} if before else {})}
    new = {"clusterRecord": logs.record(), **({"cost": after} if after else {})}
    step = logs.step("update", "aws:ec2/vpc:Vpc", "vpc", {"a": 1}, {"a": 2})
    return event_log.parse(logs.lines(logs.stack(old, new), step, *steps, logs.end()), "x")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("creation", "prod: creates a cluster: 3 servers and 4 agents, k3s v1.36.4+standin1, "
                     "+188.00 USD per month"),
        ("nothing", "prod: changes nothing"),
        ("agents-replaced", "prod: replaces 3 of 4 agents, opens nothing"),
        ("destroy", "prod: destroys the whole cluster, 7 machines, -188.00 USD per month"),
        ("data-loss-refused", "prod: the preview failed, so nothing can be deployed: the change of "
                              "the running cluster has 1 problem"),
        ("after-drift", "prod: replaces 1 of 4 agents, opens SSH to 198.51.100.0/24"),
    ],
)  # fmt: skip
def test_each_kind_of_preview_has_its_headline(name: str, expected: str) -> None:
    assert headline(comments.rendered(name)) == expected


def test_the_stack_has_its_own_name_where_no_other_is_given() -> None:
    assert headline(rendered(logs.preview())) == "prod: changes nothing"
    assert headline(rendered(logs.preview(), name="live")) == "live: changes nothing"


def test_a_preview_that_was_killed_is_not_one_without_changes() -> None:
    found = rendered(event_log.parse(logs.lines(logs.stack({}, {})), "x"))
    assert headline(found) == "prod: the preview did not end, so what it would do is unknown"
    assert "changes nothing" not in found


# What the engine wrote of a program that SIGKILL ended.
KILLED = "an unhandled error occurred: program exited with non-zero exit code: -1\n"


@pytest.mark.parametrize("violated", [False, True])
def test_a_preview_whose_program_was_killed_shows_the_only_error_there_is(violated: bool) -> None:
    policy = {"policyEvent": {"enforcementLevel": "mandatory", "message": "no", "policyName": "a"}}
    events = [logs.stack({}, {}), *([policy] if violated else []), logs.error(KILLED)]
    found = rendered(event_log.parse(logs.lines(*events, logs.end(result="failed")), "x"))
    assert f"the preview failed, so nothing can be deployed: {KILLED.strip()}" in headline(found)
    assert "changes nothing" not in found


@pytest.mark.parametrize("result", ["failed", "canceled"])
def test_a_preview_that_failed_without_an_error_is_not_one_without_changes(result: str) -> None:
    events = logs.lines(logs.stack({}, {}), logs.end(result=result))
    found = rendered(event_log.parse(events, "x"))
    assert headline(found) == "prod: the preview failed, so nothing can be deployed"
    assert "The engine names no error: look at the job's log." in page.read(found).outside
    assert "changes nothing" not in found


def test_a_failed_preview_shows_its_error_and_no_table_of_what_it_would_do() -> None:
    steps = logs.step("delete", VOLUME, "data", {})
    events = logs.lines(logs.stack({}, {}), steps, logs.error("one\n  two"), logs.end())
    found = rendered(event_log.parse(events, "x"))
    assert page.read(found).codes[:3] == ["prod", "one", "| one\n|   two"]
    assert "<table>" not in found


def test_a_file_that_holds_no_preview_is_a_section_beside_the_others() -> None:
    found = comment.render(
        [("dev", "log: it holds no event"), (None, logs.preview())], comments.NOW
    )
    assert headline(found) == "dev: there is no preview, so what it would do is unknown"
    assert "<h3><code>prod</code>: changes nothing</h3>" in found


def test_several_stacks_are_in_the_order_they_were_given() -> None:
    titles = re.findall(r"<h3><code>(\w+)", comments.render()["several-stacks.md"])
    assert titles == list(comments.TOGETHER)


def test_a_record_that_cannot_be_read_is_reported_and_the_diff_stays() -> None:
    old, new = {"clusterRecord": logs.record()}, {"clusterRecord": logs.record(schema=99)}
    step = logs.step("update", "aws:ec2/vpc:Vpc", "vpc", {"a": 1}, {"a": 2})
    found = rendered(event_log.parse(logs.lines(logs.stack(old, new), step, logs.end()), "x"))
    assert "the record cannot be read" in found
    assert "-   a: 1\n+   a: 2" in found


def test_costs_are_before_after_and_the_difference() -> None:
    found = rendered(priced(COST, {**COST, "monthly": 145, "untilExpiry": 3}))
    assert (
        headline(found)
        == "prod: changes 1 resource and no node, opens nothing, +24.50 USD per month"
    )
    rows = re.sub(r"</?code>", "", found)
    assert "<td>Per month</td><td>120.50 USD</td><td>145.00 USD</td><td>+24.50 USD</td>" in rows
    assert "<td>Per hour</td><td>0.1651 USD</td><td>0.1651 USD</td><td>+0.00 USD</td>" in rows
    assert "<td>Until it expires</td><td>unknown</td><td>3.00 USD</td><td>unknown</td>" in rows
    assert "An estimate by the prices of 2026-11-01." in rows


def test_what_has_no_price_is_named_and_another_currency_has_no_difference() -> None:
    unknown = {**COST, "unknown": ["x9.<b>large"], "monthly": "no number", "currency": "EUR"}
    found = re.sub(r"</?code>", "", rendered(priced(COST, unknown)))
    assert "Not in it, since the price is unknown: x9.&lt;b&gt;large" in found
    assert "<td>Per month</td><td>120.50 USD</td><td>unknown</td><td>unknown</td>" in found
    assert "<td>Per hour</td><td>0.1651 USD</td><td>0.1651 EUR</td><td>unknown</td>" in found


def test_the_first_costs_of_a_stack_that_exists_are_no_difference() -> None:
    found = rendered(priced(None, COST))
    assert headline(found) == "prod: changes 1 resource and no node, opens nothing"
    assert "<td>Per month</td><td>unknown</td>" in found


def test_a_stack_without_costs_has_unknown_ones() -> None:
    assert "Cost before and after: unknown." in rendered(priced(None, None))


def test_policies_are_listed_with_the_mandatory_ones_first() -> None:
    def violation(level: str) -> dict[str, Any]:
        return {
            "policyEvent": {
                "resourceUrn": f"{logs.URN}{VOLUME}::data",
                "message": "<{%reset%}>say | why\nnot",
                "policyName": f"{level}-rule",
                "policyPackName": "k3s-aws",
                "enforcementLevel": level,
            }
        }

    remediation = {
        "policyRemediationEvent": {"policyName": "fixed", "policyPackName": "k3s-aws", "before": {}}
    }
    events = [
        violation("advisory"),
        remediation,
        violation("mandatory"),
        logs.error("preview failed"),
    ]
    found = rendered(priced(None, None, *events))
    assert headline(found).endswith("; 1 mandatory policy fails")
    order = [each for each in page.read(found).codes if each.endswith("-rule") or each == "fixed"]
    assert order == ["mandatory-rule", "fixed", "advisory-rule"]
    codes = page.read(found).codes
    assert codes[codes.index("say | why") + 1] == "not"
    # The program has run to its end, so what it would do is known.
    assert "<pre>| preview failed" not in found
    assert "The whole diff" in found


def test_a_preview_that_failed_without_a_policy_is_one_that_failed() -> None:
    found = rendered(priced(None, None, logs.error("preview failed")))
    assert headline(found) == "prod: the preview failed, so nothing can be deployed: preview failed"


def test_packs_that_found_nothing_are_named() -> None:
    events = logs.lines(
        logs.stack({}, {}), logs.end(PolicyPacks={"k3s-aws|local|/project/policy": "1"})
    )
    found = rendered(event_log.parse(events, "x"))
    assert "Policies: nothing found by <code>k3s-aws</code>." in found


def large(resources: int) -> Preview:
    """A preview that deletes a data volume, and has a long diff."""
    steps = [
        logs.step("update", "aws:ec2/vpc:Vpc", f"vpc-{index}", {"a": "é" * 90}, {"a": "b" * 90})
        for index in range(resources)
    ]
    return logs.preview(*steps, logs.step("delete", VOLUME, "shop-servers-0-data", {}))


@pytest.mark.parametrize("resources", [0, 100, 500, 5000])
def test_a_comment_is_below_the_limit_and_whole(resources: int) -> None:
    found = rendered(large(resources))
    assert part.size(found) <= comment.LIMIT
    assert page.read(found).markdown == []
    assert "deletes data volume <code>shop-servers-0-data</code>" in found
    kept = found.count("! update aws:ec2:Vpc")
    left_out = re.search(r"<em>([\d,]+) resources? left out", found)
    number = int(left_out[1].replace(",", "")) if left_out else 0
    # The volume's own is the first.
    assert kept + number == resources
    assert bool(number) is (resources > 100)
    if number:
        assert f'<a href="{comments.RUN}">the log of the run</a>' in found
        assert part.size(found) > 0.9 * comment.LIMIT


def test_several_stacks_share_the_room() -> None:
    previews = [(name, large(1000)) for name in ("dev", "staging", "prod")]
    found = comment.render(previews, comments.NOW, comments.RUN)
    assert part.size(found) <= comment.LIMIT
    sections = found.split("<h3>")[1:]
    assert all("deletes data volume" in each for each in sections)
    sizes = [part.size(each) for each in sections]
    assert max(sizes) < 1.2 * min(sizes)


@pytest.mark.parametrize("limit", [900, 1500, 3000, 10_000])
def test_what_is_dangerous_is_kept_to_the_last(limit: int) -> None:
    found = rendered(large(500), limit)
    assert part.size(found) <= limit
    assert "deletes data volume <code>shop-servers-0-data</code>" in found


def test_more_dangers_than_have_room_are_counted_and_the_worst_stay() -> None:
    identity = {"name": "x" * 200, "clusterRole": "view"}
    steps = [
        logs.step(
            "update",
            "k3s:index:Identity",
            str(index),
            identity,
            {**identity, "name": f"{index}{'x' * 200}", "clusterRole": "admin"},
        )
        for index in range(900)
    ]
    found = rendered(logs.preview(*steps, logs.step("delete", VOLUME, "data", {})))
    assert part.size(found) <= comment.LIMIT
    assert "deletes data volume <code>data</code>" in found
    assert re.search(r"<em>\d+ points left out", found)


def test_no_room_at_all_is_an_error() -> None:
    with pytest.raises(ReviewError, match="no room"):
        rendered(logs.preview(), 30)

"""`python -m review` as an operator and a pipeline call it."""

from __future__ import annotations

from pathlib import Path

import pytest

from review import __main__ as command
from review import run_url
from tests.golden.preview_logs import FOLDER
from tests.review import logs
from tests.review.fake_platforms import TOKEN, Platform
from tests.review.job import environment

UPGRADE, DRIFT = (str(FOLDER / f"{name}.jsonl") for name in ("upgrade", "drift"))


@pytest.fixture(autouse=True)
def _no_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CI_JOB_URL", "GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID",
                 "GITHUB_TOKEN", "GITLAB_TOKEN"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)


def test_render_writes_one_comment_of_several_files(tmp_path: Path) -> None:
    output = tmp_path / "comment.md"
    names = ["--stack-name", "dev", "--stack-name", "live"]
    assert command.main(["render", "--output", str(output), *names, UPGRADE, UPGRADE]) == 0
    titles = [line for line in output.read_text().splitlines() if line.startswith("<h3>")]
    assert [each[10:14] for each in titles] == ["dev<", "live"]


def test_render_keeps_the_other_stacks_where_one_has_no_preview(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "staging.jsonl").touch()
    files = [str(tmp_path / name) for name in ("staging.jsonl", "absent.jsonl")]
    assert command.main(["render", *files, UPGRADE]) == 0
    text = capsys.readouterr().out
    assert "<code>staging</code>: there is no preview" in text
    assert "<code>absent</code>: there is no preview" in text
    assert "pulumi may have ended before its first event" in text
    assert "upgrades k3s" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["render", "/"], "Is a directory"),
        (["drift", "absent.jsonl"], "it is missing"),
        (["render", "--stack-name", "a", "--stack-name", "b", UPGRADE], "2 times for 1 files"),
        (["drift", __file__], "has no JSON in line 1"),
        (["post", "--platform", "github", "--comment", UPGRADE], "GITHUB_TOKEN is not set"),
        (["post", "--platform", "gitlab", "--comment", UPGRADE], "GITLAB_TOKEN is not set"),
    ],
)
def test_an_operators_error_is_one_message(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(words) == 1
    assert message in capsys.readouterr().err


def test_drift_ends_with_two_where_it_is_asked_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["drift", "--text", DRIFT]) == 0
    assert command.main(["drift", "--text", "--exit-code", DRIFT]) == 2
    none = tmp_path / "none.jsonl"
    urn = {"urn": f"{logs.URN}a::b", "type": "a"}
    refreshed = [
        {"resourcePreEvent": {"metadata": {"op": "refresh", **urn}}},
        {"resOutputsEvent": {"metadata": {"op": "same", **urn}}},
    ]
    none.write_text("\n".join(logs.lines(logs.stack({}, {}), *refreshed, logs.end())))
    assert command.main(["drift", "--text", "--exit-code", str(none)]) == 0
    # A preview without a refresh proves nothing.
    assert command.main(["drift", "--text", "--exit-code", UPGRADE]) == 2
    capsys.readouterr()


def test_post_prints_where_the_comment_is_and_nothing_of_the_token(
    platform: Platform,
    event: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment(platform, event).items():
        monkeypatch.setenv(name, value)
    (tmp_path / "comment.md").write_text("<p>é</p>\n", encoding="utf-8")
    words = ["post", "--platform", platform.kind, "--comment", str(tmp_path / "comment.md")]
    assert command.main([*words, "--name", "drift"]) == 0
    assert [each["body"] for each in platform.comments] == ["<!-- k3s-aws: drift -->\n\n<p>é</p>\n"]
    printed = capfd.readouterr()
    assert printed.out.strip().startswith("https://")
    assert TOKEN not in printed.out + printed.err


def test_the_run_is_linked_by_the_environment_of_the_ci() -> None:
    github = {
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "shop/cluster",
        "GITHUB_RUN_ID": "1",
    }
    assert run_url.of(github) == "https://github.com/shop/cluster/actions/runs/1"
    job = "https://gitlab.example/shop/cluster/-/jobs/2"
    assert run_url.of({"CI_JOB_URL": job}) == job
    assert run_url.of({}) is None
    assert run_url.of({"CI_JOB_URL": 'https://x/"><script>'}) is None
    assert run_url.of({"CI_JOB_URL": "javascript:alert(1)"}) is None

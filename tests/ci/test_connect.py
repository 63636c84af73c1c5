"""A kubeconfig reaches the next command, and no secret the log."""

from __future__ import annotations

import os
import stat
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from ci import __main__ as command
from ci import credentials, platforms
from ci.errors import PipelineError
from tests.ci import github_runner
from tests.ci.conftest import ENDPOINT, FakePulumi, Stack, new_kubeconfig


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with the runner's files."""
    for name in ("GITHUB_ENV", "GITHUB_OUTPUT"):
        (tmp_path / name).write_text("BEFORE=kept\n")
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    return tmp_path


def assert_no_secret(stack: Stack, text: str) -> None:
    assert [each for each in stack.secrets() if each in text] == []


def test_the_shell_has_a_kubeconfig_that_only_its_owner_reads(
    stack: Stack, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "it's a folder; $(false)" / "kubeconfig"
    before = os.umask(0)
    try:
        assert command.main(["connect", "--kubeconfig", str(file)]) == 0
    finally:
        os.umask(before)
    out, err = capfd.readouterr()
    assert file.read_text() == stack.kubeconfigs["kubeconfig"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    evaluated = subprocess.run(
        ["bash", "-euc", 'eval "$LINE"; printf %s "$KUBECONFIG"'],
        env={"LINE": out, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert evaluated.stdout == str(file)
    assert_no_secret(stack, out + err)


def test_nothing_but_the_finished_file_is_left_in_its_folder(stack: Stack, tmp_path: Path) -> None:
    assert command.main(["connect"]) == 0
    assert [each.name for each in (tmp_path / "runner" / "k3s-aws").iterdir()] == [
        "dev-kubeconfig.yaml"
    ]


@pytest.mark.parametrize("kind", ["link", "device", "folder"])
def test_only_a_regular_file_is_replaced(
    kind: str, stack: Stack, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "kubeconfig"
    if kind == "link":
        (tmp_path / "elsewhere").write_text("of somebody else")
        file.symlink_to(tmp_path / "elsewhere")
    elif kind == "device":
        os.mkfifo(file)
    else:
        file.mkdir()
    before = file.lstat()
    assert command.main(["connect", "--kubeconfig", str(file)]) == 1
    assert "is there and not a regular file" in capfd.readouterr().err
    assert (file.lstat().st_ino, file.lstat().st_mode) == (before.st_ino, before.st_mode)


@pytest.mark.parametrize(
    ("words", "output"),
    [
        (["--identity", "viewer"], "kubeconfig-viewer"),
        (["--admin"], "adminKubeconfig"),
        (["--stack", "dev"], "kubeconfig"),
    ],
)
def test_the_kubeconfig_is_of_whom_it_is_asked_for(
    words: list[str], output: str, stack: Stack, tmp_path: Path
) -> None:
    assert command.main(["connect", *words]) == 0
    (file,) = (tmp_path / "runner" / "k3s-aws").iterdir()
    assert file.read_text() == stack.kubeconfigs[output]


def test_two_identities_have_two_files(stack: Stack, tmp_path: Path) -> None:
    for words in ([], ["--identity", "viewer"], ["--admin"]):
        command.main(["connect", *words])
    found = {each.name for each in (tmp_path / "runner" / "k3s-aws").iterdir()}
    assert found == {"dev-kubeconfig.yaml", "dev-viewer.yaml", "dev-admin.yaml"}


def test_github_masks_every_form_of_the_key_and_prints_none(
    stack: Stack, github: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["connect", "--identity", "viewer", "--format", "github"]) == 0
    out, err = capfd.readouterr()
    variables = github_runner.variables((github / "GITHUB_ENV").read_text())
    assert variables["BEFORE"] == "kept"
    text = Path(variables["KUBECONFIG"]).read_text()
    assert text == stack.kubeconfigs["kubeconfig-viewer"]
    assert github_runner.variables((github / "GITHUB_OUTPUT").read_text()) == {
        "BEFORE": "kept",
        "kubeconfig": variables["KUBECONFIG"],
    }
    # A later step that prints the file, and the key itself, prints neither.
    key = "\n".join(stack.secrets())
    masked = github_runner.printed(f"{out}{err}{text}")
    assert_no_secret(stack, masked)
    own = {each for each in stack.secrets() if each in text}
    assert own
    assert not [each for each in own if each in github_runner.printed(f"{out}{key}")]
    assert "certificate-authority-data" in masked


def test_the_masks_come_before_the_file(
    stack: Stack, github: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["connect", "--format", "github", "--kubeconfig", str(github / "GITHUB_ENV" / "file")]
    assert command.main(words) == 1
    out, err = capfd.readouterr()
    assert out.count("::add-mask::") == 4
    assert "cannot be written" in err


def test_gitlab_has_a_report_without_a_secret_and_the_shell_its_line(
    stack: Stack, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "connect.env"
    assert command.main(["connect", "--format", "gitlab", "--dotenv", str(report)]) == 0
    out, err = capfd.readouterr()
    path = tmp_path / "runner" / "k3s-aws" / "dev-kubeconfig.yaml"
    assert report.read_text() == f"KUBECONFIG={path}\nK3S_API_ENDPOINT={ENDPOINT}\n"
    assert out == f"export KUBECONFIG={path}\n"
    assert_no_secret(stack, out + err + report.read_text())


def test_no_secret_is_in_a_command_line(stack: Stack) -> None:
    command.main(["connect"])
    assert "--show-secrets" in stack.pulumi.words
    assert_no_secret(stack, stack.pulumi.words)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--stack", "nope"], "no stack named 'nope' found\n    `pulumi stack ls` lists"),
        (["--identity", "nope"], 'the stack has no identity "nope"; it has deployer, viewer\n'),
        (["--format", "github"], "GITHUB_ACTIONS is not true, and nothing would hide"),
        (["--kubeconfig", "/proc/no/such"], "/proc/no/such cannot be written: "),
        (["--kubeconfig", "a\nPATH=b"], "the value of KUBECONFIG has a line end"),
    ],
)
def test_an_error_is_what_is_wrong_and_how_to_fix_it(
    words: list[str], expected: str, stack: Stack, capfd: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["connect", *words]) == 1
    out, err = capfd.readouterr()
    assert expected in err
    assert "\n    " in err
    assert_no_secret(stack, out + err)


@pytest.mark.parametrize(
    ("passphrase", "expected"),
    [("", "passphrase must be set with"), ("wrong", "incorrect passphrase")],
)
def test_secrets_that_cannot_be_decrypted_are_an_error(
    passphrase: str,
    expected: str,
    stack: Stack,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", passphrase)
    assert command.main(["connect"]) == 1
    err = capfd.readouterr().err
    assert expected in err
    assert err.count("\n    the secrets need the stack's own passphrase in") == 1


def test_a_stack_that_is_not_selected_is_an_error(
    pulumi: FakePulumi, capfd: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["connect"]) == 1
    assert "no stack selected" in (err := capfd.readouterr().err)
    assert "--stack NAME" in err


@pytest.mark.parametrize(
    ("outputs", "words", "expected"),
    [
        ({}, [], "the selected stack has no outputs"),
        ({"apiEndpoint": ENDPOINT}, [], "the stack has no output kubeconfig: no identity is"),
        ({"apiEndpoint": ENDPOINT}, ["--admin"], "set adminKubeconfig: true under k3s-aws:cluster"),
        ({"apiEndpoint": ENDPOINT}, ["--identity", "a"], 'no identity "a"; it has none'),
        ({"kubeconfig": "hunter22secret"}, [], "the output is not a kubeconfig"),
        ({"kubeconfig": "users: [{user: {}}]"}, [], "holds no key and no token"),
    ],
)
def test_outputs_without_what_is_asked_for_are_an_error(
    outputs: dict[str, str],
    words: list[str],
    expected: str,
    pulumi: FakePulumi,
    capfd: pytest.CaptureFixture[str],
) -> None:
    pulumi.have(outputs, "kubeconfig")
    pulumi.select("dev")
    assert command.main(["connect", *words]) == 1
    err = capfd.readouterr().err
    assert expected in err
    assert "hunter22secret" not in err


def test_without_pulumi_it_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command.main(["connect"]) == 1
    assert "there is no `pulumi` on PATH" in capfd.readouterr().err


def test_github_without_the_file_of_variables_is_an_error(
    stack: Stack,
    github: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("GITHUB_ENV")
    assert command.main(["connect", "--format", "github"]) == 1
    out, err = capfd.readouterr()
    assert "GITHUB_ENV is not set" in err
    assert out == ""


WRONG = (
    *(["connect", "--stack", "nope", "--format", form] for form in ("bash", "gitlab")),
    ["connect", "--stak", "dev"],
    # Names that are also words of the command line.
    ["connect", "--identity", "github"],
    ["connect", "--stack", "github"],
    ["connect", "--kubeconfig", "github", "--stack", "nope"],
    ["connect", "--format", "fish", "--stack", "github"],
    ["connect", "--identity", "-h"],
    ["connect", "--identity", "viewer", "--admin"],
    ["connect", "--format", "fish"],
)


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_a_script_that_evaluates_a_failure_ends(
    words: list[str], stack: Stack, capfd: pytest.CaptureFixture[str]
) -> None:
    """`eval` of nothing succeeds, and the script would go on with another cluster."""
    with suppress(SystemExit):
        command.main(words)
    assert evaluated(capfd.readouterr().out) == (1, "")


def test_the_log_of_github_which_nothing_evaluates_has_no_line_for_it(
    stack: Stack, github: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["connect", "--stack", "nope", "--format", "github"]
    assert command.main(words) == 1
    assert capfd.readouterr().out == ""


def test_a_pulumi_that_cannot_be_started_is_an_error(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "pulumi"
    broken.write_bytes(b"\x7fELF of another machine")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command.main(["connect"]) == 1
    out, err = capfd.readouterr()
    assert "error: `pulumi` cannot be started: Exec format error\n    install" in err
    assert out == "false\n"


def test_help_and_other_commands_print_nothing_to_evaluate(
    stack: Stack, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        command.main(["connect", "--help"])
    assert command.main(["outputs", "--stack", "nope"]) == 1
    assert "\nfalse" not in capfd.readouterr().out


def evaluated(line: str) -> tuple[int, str]:
    """Status and output of a script that evaluates it and would go on."""
    done = subprocess.run(
        ["bash", "-ec", 'eval "$LINE"; echo went on'],
        env={"LINE": line, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_a_token_of_several_lines_is_masked_line_by_line() -> None:
    text = "users: [{user: {token: 'one%line\n\n  another', password: short}}]"
    assert credentials.strings(text) == ["one%line", "another", "short"]
    commands = platforms.masks(["100%", "a\r\nb"])
    assert commands == ["::add-mask::100%25", "::add-mask::a%0D%0Ab"]
    assert github_runner.printed("\n".join([*commands, "x 100% a b"])) == "x *** *** ***"


def test_the_masks_of_a_kubeconfig_are_single_lines() -> None:
    found = credentials.strings(new_kubeconfig("a"))
    assert len(found) == 4
    assert all("\n" not in each and len(each) > 16 for each in found)


def test_what_is_not_yaml_is_not_quoted() -> None:
    with pytest.raises(PipelineError) as error:
        credentials.strings("a: [hunter22secret")
    assert "hunter22secret" not in str(error.value)

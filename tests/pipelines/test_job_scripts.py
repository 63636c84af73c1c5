"""What the scripts of ci/jobs call, with a `pulumi` and a `python` that record it."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.localcloud.pipelines.checkout import prepared
from tests.pipelines.workflows import ROOT

RECORD = '#!/bin/sh\necho "{name} $*" >> {calls}\n{script}\n'


@dataclass(frozen=True)
class Checkout:
    """A checkout with the scripts, prepared, and commands that record their words."""

    folder: Path

    def has(self, name: str, script: str) -> None:
        place = "venv" if name == "python" else "toolchain"
        file = self.folder / ".local" / place / "bin" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(RECORD.format(name=name, calls=self.folder / "calls", script=script))
        file.chmod(0o755)

    def run(self, script: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.folder / "ci/jobs" / script), *words],
            env={"PATH": "/usr/bin:/bin", **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def calls(self) -> list[str]:
        """Each command, without the options that all have."""
        file = self.folder / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line.replace(" --non-interactive", "") for line in lines]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    shutil.copytree(ROOT / "ci/jobs", tmp_path / "ci/jobs")
    (tmp_path / "Pulumi.temporary.yaml").write_text("config: {}\n")
    made = Checkout(tmp_path)
    made.has("pulumi", "")
    made.has("python", "")
    return made


def test_a_lock_is_removed_where_nobody_else_works(checkout: Checkout) -> None:
    assert checkout.run("temporary.sh", "up", "pr-12").returncode == 0
    assert checkout.calls == [
        "python -m ci expiry --stack pr-12",
        "pulumi stack select pr-12 --create",
        "pulumi cancel --yes --stack pr-12",
        "python -m recovery --stack pr-12 --yes",
        "pulumi up --yes --skip-preview --suppress-outputs --stack pr-12",
    ]
    assert (checkout.folder / "Pulumi.pr-12.yaml").read_text() == "config: {}\n"


def test_a_new_stack_has_the_key_that_its_file_names(checkout: Checkout) -> None:
    file = checkout.folder / "Pulumi.temporary.yaml"
    key = "awskms:///arn:aws:kms:eu-central-1:123456789012:key/a-b?region=eu-central-1"
    file.write_text(f"secretsprovider: {key}\nencryptedkey: AQID\nconfig: {{}}\n")
    assert checkout.run("temporary.sh", "up", "pr-12").returncode == 0
    assert f"pulumi stack select pr-12 --create --secrets-provider {key}" in checkout.calls


@pytest.mark.parametrize("file", ["encryptionsalt: v1:a\nconfig: {}\n", None])
def test_a_new_stack_without_a_key_has_a_passphrase(checkout: Checkout, file: str | None) -> None:
    if file:
        (checkout.folder / "Pulumi.dev.yaml").write_text(file)
    assert checkout.run("up.sh", "dev").returncode == 0
    assert "pulumi stack select dev --create" in checkout.calls


@pytest.mark.parametrize(("given", "seen"), [("", "unset"), ("a b", "a b")])
def test_a_secret_that_is_missing_is_no_passphrase(
    checkout: Checkout, given: str, seen: str
) -> None:
    checkout.has("pulumi", 'echo "${PULUMI_CONFIG_PASSPHRASE-unset}" > seen')
    assert checkout.run("up.sh", "dev", PULUMI_CONFIG_PASSPHRASE=given).returncode == 0
    assert (checkout.folder / "seen").read_text() == f"{seen}\n"


def test_a_lock_of_an_environment_stays_unless_somebody_decides(checkout: Checkout) -> None:
    assert checkout.run("up.sh", "prod").returncode == 0
    assert not [call for call in checkout.calls if "cancel" in call]
    assert checkout.run("up.sh", "prod", RECOVER="dev").returncode == 0
    assert not [call for call in checkout.calls if "cancel" in call]
    assert checkout.run("up.sh", "prod", RECOVER="prod").returncode == 0
    assert "pulumi cancel --yes --stack prod" in checkout.calls


@pytest.mark.parametrize("stamp", [prepared(), "Python 3.2.1 0123  requirements.txt\n"])
def test_nothing_is_installed_where_the_same_was(checkout: Checkout, stamp: str) -> None:
    # The runs on the local cloud have the stamp of the first, and no network.
    shutil.copy(ROOT / "requirements.txt", checkout.folder)
    for name in ("python3", "kubectl"):
        checkout.has(name, f'[ "$1" != --version ] || exec {sys.executable} --version')
    file = checkout.folder / ".local/pipeline/prepared"
    file.parent.mkdir(parents=True)
    file.write_text(stamp)
    assert checkout.run("prepare.sh").returncode == 0
    assert ("pulumi install" in checkout.calls) is (stamp != prepared())
    # Whatever Pulumi CLI the runner has.
    assert "python3 -m toolchain pulumi --pinned" in checkout.calls
    assert file.read_text() == prepared()


@pytest.mark.parametrize("machine", ["sparc64", None])
def test_a_cache_of_another_architecture_is_not_used(
    checkout: Checkout, machine: str | None
) -> None:
    shutil.copy(ROOT / "requirements.txt", checkout.folder)
    for name in ("python3", "kubectl", "pulumi"):
        checkout.has(name, "")
    # The runner's own commands: none of the cache is run before it is known to fit.
    tools = checkout.folder / "tools"
    shutil.copytree(checkout.folder / ".local/toolchain/bin", tools)
    kept = [".local/venv", ".local/policy-venv", ".local/toolchain", ".local/k3s"]
    kept += [".local/pipeline", ".local/pulumi-home/plugins"]
    files = [checkout.folder / each / "a-file" for each in kept]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    stamp = checkout.folder / ".local/pipeline/machine"
    stamp.write_text(f"{machine or os.uname().machine}\n")
    (stamp.parent / "prepared").write_text(f" {checksum()}\n")
    assert checkout.run("prepare.sh", PATH=f"{tools}:/usr/bin:/bin").returncode == 0
    assert [file.exists() for file in files] == [machine is None] * len(files)
    assert stamp.read_text() == f"{os.uname().machine}\n"


def checksum() -> str:
    return subprocess.check_output(["sha256sum", "requirements.txt"], cwd=ROOT, text=True).strip()


def test_a_temporary_stack_leaves_no_copies_of_its_state(checkout: Checkout) -> None:
    checkout.has("pulumi", 'echo "$PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS" > seen')
    for script in (["temporary.sh", "up", "pr-12"], ["temporary.sh", "destroy", "pr-12"]):
        assert checkout.run(*script).returncode == 0
        assert (checkout.folder / "seen").read_text() == "true\n"
    assert checkout.run("up.sh", "dev").returncode == 0
    assert (checkout.folder / "seen").read_text() == "\n"


def test_an_update_that_cannot_be_cancelled_is_no_end(checkout: Checkout) -> None:
    # Pulumi Cloud: "stack ... has never been updated".
    checkout.has("pulumi", '[ "$1" != cancel ]')
    assert checkout.run("temporary.sh", "up", "pr-12").returncode == 0
    assert "python -m recovery --stack pr-12 --yes" in checkout.calls


def test_nothing_is_created_where_the_recovery_fails(checkout: Checkout) -> None:
    checkout.has("python", "exit 1")
    assert checkout.run("temporary.sh", "up", "pr-12").returncode == 1
    assert not [call for call in checkout.calls if call.startswith("pulumi up")]


@pytest.mark.parametrize(
    ("minutes", "destroyed"), [(-1, True), (20, True), (40, False), (None, False)]
)
def test_a_cluster_that_has_ended_or_soon_will_goes_before_another_one_comes(
    checkout: Checkout, minutes: int | None, destroyed: bool
) -> None:
    ends = datetime.now(UTC) + timedelta(minutes=minutes or 0)
    text = "" if minutes is None else f"{ends:%Y-%m-%dT%H:%M:%SZ}"
    checkout.has("python", f'[ "$3" != expiry ] || echo "{text}"')
    assert checkout.run("temporary.sh", "up", "pr-12").returncode == 0
    order = [call.split()[1] for call in checkout.calls if call.startswith("pulumi ")]
    assert ("destroy" in order) is destroyed
    assert order[-1] == "up"
    assert (checkout.folder / "Pulumi.pr-12.yaml").exists()


def test_a_state_that_cannot_be_read_ends_the_job_before_anything_is_changed(
    checkout: Checkout,
) -> None:
    checkout.has("python", '[ "$3" != expiry ]')
    assert checkout.run("temporary.sh", "up", "pr-12").returncode == 1
    assert checkout.calls == ["python -m ci expiry --stack pr-12"]


def test_a_stack_that_does_not_exist_is_destroyed_already(checkout: Checkout) -> None:
    checkout.has("pulumi", "echo \"error: no stack named 'pr-12' found\" >&2; exit 6")
    done = checkout.run("temporary.sh", "destroy", "pr-12")
    assert done.returncode == 0
    assert "nothing to destroy" in done.stdout


def test_a_backend_that_does_not_respond_is_an_error(checkout: Checkout) -> None:
    checkout.has("pulumi", 'echo "error: failed to open bucket" >&2; exit 1')
    done = checkout.run("temporary.sh", "destroy", "pr-12")
    assert done.returncode == 1
    assert "failed to open bucket" in done.stderr


def test_without_a_configuration_the_error_names_the_way_to_one(checkout: Checkout) -> None:
    (checkout.folder / "Pulumi.temporary.yaml").unlink()
    done = checkout.run("temporary.sh", "up", "pr-12")
    assert done.returncode == 1
    assert "see docs/pipelines.md, The repository" in done.stderr
    assert checkout.calls == []


def test_the_token_of_gitlab_is_in_a_file_for_its_owner_alone(checkout: Checkout) -> None:
    checkout.has("pulumi", 'echo "$AWS_WEB_IDENTITY_TOKEN_FILE" > seen')
    checkout.run("drift.sh", "dev", AWS_ID_TOKEN="a.b.c")
    file = Path((checkout.folder / "seen").read_text().strip())
    assert file.read_text() == "a.b.c"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.parent == checkout.folder / ".local/identity"


def test_a_preview_that_fails_is_commented_and_the_job_is_red(checkout: Checkout) -> None:
    checkout.has("pulumi", '[ "$5" != prod ]')
    done = checkout.run("preview.sh", "github", "dev", "prod")
    assert done.returncode == 1
    assert [call.split()[3] for call in checkout.calls if call.startswith("python")] == [
        "render",
        "post",
    ]


def test_the_policy_pack_is_asked_where_it_is_named(checkout: Checkout) -> None:
    checkout.run("preview.sh", "github", "dev")
    assert not [call for call in checkout.calls if "policy" in call]
    checkout.run("preview.sh", "github", "dev", POLICY_PACK="policy/run")
    asked = [call for call in checkout.calls if call.endswith("dev.jsonl --policy-pack policy/run")]
    assert len(asked) == 1


def test_drift_is_in_the_summary_of_a_job_that_is_red(checkout: Checkout) -> None:
    summary = checkout.folder / "summary.md"
    checkout.has("python", 'case "$*" in *--exit-code*) exit 2;; *) echo "| drift |";; esac')
    done = checkout.run("drift.sh", "prod", GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == 2
    assert summary.read_text() == "| drift |\n"


def test_the_summary_of_a_job_leads_to_the_picture_of_the_boot(checkout: Checkout) -> None:
    assert checkout.run("timeline.sh", "pr-12").returncode == 0
    picture = ".local/timeline/pr-12.svg"
    assert checkout.calls == [f"python -m timeline --stack pr-12 --output {picture}"]
    assert (checkout.folder / picture).parent.is_dir()
    summary = checkout.folder / "summary"
    link = {"TIMELINE": "https://github.test/a/1", "GITHUB_STEP_SUMMARY": str(summary)}
    assert checkout.run("summary.sh", "pr-12", **link).returncode == 0
    assert summary.read_text() == "[How the machines of pr-12 booted](https://github.test/a/1)\n"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("  aws:region: ap-southeast-2", " --region ap-southeast-2"),
        ('  "aws:region": "eu-west-1" # Ireland', " --region eu-west-1"),
        ("  k3s-aws:cluster: {name: a}\n  # aws:region: eu-west-1", ""),
        (None, ""),
    ],
)
def test_expired_clusters_are_looked_for_where_the_temporary_ones_are(
    checkout: Checkout, line: str | None, words: str
) -> None:
    file = checkout.folder / "Pulumi.temporary.yaml"
    file.write_text(f"config:\n{line}\n")
    if line is None:
        file.unlink()
    assert checkout.run("reap.sh", AWS_REGION="us-east-1").returncode == 0
    assert checkout.calls == [f"python -m recovery reap --yes{words}"]


@pytest.mark.parametrize("stack", ["Feature_1", ""])
def test_what_a_shell_evaluates_fails_where_no_kubeconfig_is_written(
    checkout: Checkout, stack: str
) -> None:
    done = checkout.run("connect.sh", stack, "bash")
    assert (done.returncode, done.stdout) == (1, "false\n")
    assert checkout.run("connect.sh", "pr-12", "bash").stdout == ""
    assert checkout.calls == ["python -m ci connect --stack pr-12 --format bash"]

#!/usr/bin/env bash
# Brings what the other scripts run: the Pulumi CLI, the program's packages and plugins, kubectl.
# All of it is pinned, by hash where its source offers one, but for a kubectl of the runner's own;
# with a cache of .local/ it is there already and nothing is downloaded.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

# A cache that runners of several architectures share may be of another one than this.
machine=$(uname -m)
if [[ "$(cat .local/pipeline/machine 2>/dev/null || echo "$machine")" != "$machine" ]]; then
    rm -rf .local/{venv,policy-venv,toolchain,pipeline,k3s,pulumi-home/plugins}
fi

# Not the runner's own, as GitHub's have one: it is of any version.
python3 -m toolchain pulumi --pinned >/dev/null

mkdir -p .local/pipeline/bin
# A runner with another Python has no use for the environment of the one before.
pinned="$(python3 --version) $(sha256sum requirements.txt)"
if [[ "$(cat .local/pipeline/prepared 2>/dev/null)" != "$pinned" ]]; then
    rm -rf .local/venv
    pulumi install --non-interactive
fi
if [[ -n ${POLICY_PACK:-} ]]; then
    python3 -m toolchain policy
fi
if ! command -v kubectl >/dev/null; then
    k3s=$(python -m toolchain k3s)
    printf '#!/usr/bin/env bash\nexec %q kubectl "$@"\n' "$k3s" >.local/pipeline/bin/kubectl
    chmod +x .local/pipeline/bin/kubectl
fi
echo "$machine" >.local/pipeline/machine
echo "$pinned" >.local/pipeline/prepared

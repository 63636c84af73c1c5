# shellcheck shell=bash
# Read first by every script of this folder: stop at the first error, stand in the checkout, and
# have on PATH what prepare.sh brought.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# A kubectl of the runner comes before the one inside k3s.
export PATH="$PWD/.local/toolchain/bin:$PWD/.local/venv/bin:$PATH:$PWD/.local/pipeline/bin"
# Its plugins are cached; its credentials.json, with a token of Pulumi Cloud, must not be.
export PULUMI_HOME="${PULUMI_HOME:-$PWD/.local/pulumi-home}"
export PULUMI_SKIP_UPDATE_CHECK=true
# GitHub sets a variable to nothing where its secret is missing, and Pulumi takes that as a
# passphrase: the state would be encrypted with nothing.
if [[ -z ${PULUMI_CONFIG_PASSPHRASE:-} ]]; then
    unset PULUMI_CONFIG_PASSPHRASE
fi

# GitLab has its token for AWS in a variable; the SDKs of Pulumi and Python read a file, in a
# folder that no cache holds, and get credentials of the role AWS_ROLE_ARN for it.
if [[ -n ${AWS_ID_TOKEN:-} ]]; then
    export AWS_WEB_IDENTITY_TOKEN_FILE="$PWD/.local/identity/token"
    (
        umask 077
        mkdir -p .local/identity
        printf '%s' "$AWS_ID_TOKEN" >"$AWS_WEB_IDENTITY_TOKEN_FILE"
    )
fi

fail() {
    echo "error: $1" >&2
    echo "    $2" >&2
    exit 1
}

# A name comes from an event of the platform: nothing but a name may reach a command or a path.
require_stack() {
    [[ ${1:-} =~ ^[a-z][a-z0-9-]{0,62}$ ]] ||
        fail "\"${1//[^[:alnum:]._-]/?}\" is not a stack of a pipeline" \
            "use small letters, digits and hyphens, such as pr-12 or prod"
}

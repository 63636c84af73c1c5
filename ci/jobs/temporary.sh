#!/usr/bin/env bash
# temporary.sh up|destroy STACK: a cluster of its own for a pull request (pr-NUMBER) or for one
# build (build-NUMBER). Pulumi.temporary.yaml configures it, with a ttl: after it the machines end
# themselves.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
require_stack "${2:-}"
[[ $2 =~ ^(pr|build)-[1-9][0-9]{0,9}$ ]] ||
    fail "$2 is not the name of a temporary stack" "temporary.sh up pr-12, or build-345"
[[ -f Pulumi.temporary.yaml ]] ||
    fail "there is no Pulumi.temporary.yaml, which configures temporary clusters" \
        "see docs/pipelines.md, The repository"

# With the salt or the key of the secrets, which all of them share.
cp Pulumi.temporary.yaml "Pulumi.$2.yaml"
# Nobody but its pipeline works on this stack.
export RECOVER="$2"
# Copies of the state that nobody reads again would stay in the bucket when the stack is gone.
export PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS=true
case ${1:-} in
up)
    # After its end there is nothing to update: what is left goes, and another cluster comes. So it
    # is shortly before, since the tests would run on machines that end under them.
    expires=$(python -m ci expiry --stack "$2")
    if [[ -n $expires && ! $expires > $(date -ud '+30 minutes' +%Y-%m-%dT%H:%M:%SZ) ]]; then
        ci/jobs/destroy.sh "$2"
        cp Pulumi.temporary.yaml "Pulumi.$2.yaml"
    fi
    exec ci/jobs/up.sh "$2"
    ;;
destroy) exec ci/jobs/destroy.sh "$2" ;;
*) fail "the first word is neither up nor destroy" "temporary.sh destroy pr-12" ;;
esac

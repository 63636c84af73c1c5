#!/usr/bin/env bash
# destroy.sh STACK: destroys the stack and removes it; one that does not exist is no error.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
require_stack "$1"

if ! output=$(pulumi stack select "$1" --non-interactive 2>&1); then
    [[ $output == *"no stack named"* ]] || fail "$output" "correct the backend or its credentials"
    echo "there is no stack $1: nothing to destroy"
    exit 0
fi
ci/jobs/recover.sh "$1"
# Some of it may be gone already, by its ttl or by `recovery reap`.
pulumi destroy --refresh --yes --skip-preview --remove --non-interactive --stack "$1"

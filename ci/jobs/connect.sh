#!/usr/bin/env bash
# connect.sh STACK FORMAT: a kubeconfig of the stack in a file, KUBECONFIG set to it, no secret in
# the log; FORMAT is bash, github or gitlab. eval "$(ci/jobs/connect.sh pr-12 bash)"
# What a shell evaluates has to fail where this does; python prints its own.
trap 'echo false' EXIT
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
require_stack "$1"

exec python -m ci connect --stack "$1" --format "$2"

#!/usr/bin/env bash
# recover.sh STACK: removes what a job that was killed left in AWS, and its lock if RECOVER names the
# stack.
#
# Whose lock it is cannot be seen from here. Jobs of one stack run one at a time, so that of a
# pipeline's own stack is a dead job's; a stack that people also work on needs somebody to decide.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
require_stack "$1"

if [[ ${RECOVER:-} == "$1" ]]; then
    # A bucket reports success whether there was a lock or not, and Pulumi Cloud an error where no
    # update runs. A lock that is still there afterwards fails what follows.
    pulumi cancel --yes --stack "$1" --non-interactive >/dev/null || true
fi
python -m recovery --stack "$1" --yes

#!/usr/bin/env bash
# drift.sh STACK: fails where AWS or the cluster differs from the state, and lists the differences.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
require_stack "$1"

mkdir -p .local/preview
log=.local/preview/drift-$1.jsonl
rm -f "$log"
# The event log is a flag for developers of Pulumi, who set this.
PULUMI_DEBUG_COMMANDS=true pulumi refresh --preview-only --non-interactive --stack "$1" \
    --event-log "$log"
if [[ -n ${GITHUB_STEP_SUMMARY:-} ]]; then
    python -m review drift "$log" >>"$GITHUB_STEP_SUMMARY"
fi
python -m review drift --text --exit-code "$log"

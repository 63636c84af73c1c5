#!/usr/bin/env bash
# summary.sh STACK: a link to the picture of timeline.sh, uploaded to TIMELINE, in GitHub's summary
# of the job.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
require_stack "$1"

printf '[How the machines of %s booted](%s)\n' "$1" "$TIMELINE" >>"$GITHUB_STEP_SUMMARY"

#!/usr/bin/env bash
# preview.sh PLATFORM STACK...: previews the stacks side by side, and comments on the pull request
# what they would do; PLATFORM is github or gitlab. Fails where a preview has failed, after the comment.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
platform=$1
shift

folder=.local/preview
rm -rf "$folder"
mkdir -p "$folder"
# The event log is a flag for developers of Pulumi, who set this.
export PULUMI_DEBUG_COMMANDS=true
policies=()
if [[ -n ${POLICY_PACK:-} ]]; then
    policies=(--policy-pack "$POLICY_PACK")
fi
logs=() running=()
for stack in "$@"; do
    require_stack "$stack"
    logs+=("$folder/$stack.jsonl")
    pulumi preview --suppress-outputs --non-interactive --stack "$stack" \
        --event-log "$folder/$stack.jsonl" "${policies[@]}" >"$folder/$stack.log" 2>&1 &
    running+=($!)
done
status=0
for each in "${running[@]}"; do
    wait "$each" || status=1
done
for stack in "$@"; do
    echo "$stack:"
    cat "$folder/$stack.log"
done
python -m review render --output "$folder/comment.md" "${logs[@]}"
if [[ -n ${GITHUB_STEP_SUMMARY:-} ]]; then
    cat "$folder/comment.md" >>"$GITHUB_STEP_SUMMARY"
fi
python -m review post --platform "$platform" --comment "$folder/comment.md"
exit "$status"

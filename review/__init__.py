"""
What a change would do, for the people who review it: comments from the event logs of previews.

`render` makes the comment of one or several stacks, `post` puts it on a pull request or merge
request, `drift` lists what exists otherwise than the state has it (docs/review.md).
"""

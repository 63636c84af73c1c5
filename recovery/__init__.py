"""
What a `pulumi up` that was killed left behind, found and removed.

The engine remembers that a creation had begun, not what came of it: the thing may exist in AWS and
stand in no state, keep an interface, a rule or a name that the next run needs, and cost money.
`python -m recovery` looks for it, asks, and removes it.
"""

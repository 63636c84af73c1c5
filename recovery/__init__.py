"""
Finds and removes the resources in AWS that a killed `pulumi up` did not record in its state.

The state records that a creation was pending, not its result: the resource may exist in AWS
and in no state, hold an interface, a rule or a name that the next run needs, and cost money.
`python -m recovery` searches for it, asks the operator, and removes it.
"""

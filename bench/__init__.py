"""
How fast the program is, as ratios against a floor measured in the same run (`make bench`).

Start-up is compared with the same k3s started by hand in the same kind of container; `preview` and
`up` without changes with a program of as many plain resources. Changes of a running cluster have no
floor: a client counts how long the API was away, and what was lost. Everything runs on a local
cloud of its own, and nothing of it stays but `bench/results.json`.
"""

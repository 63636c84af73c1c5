"""
The demo: this program, unchanged, through the real Pulumi engine, on the local cloud.

`python -m demo up` prepares what is missing and ends with a cluster; `destroy` leaves
nothing but caches. Its stack is called `demo` and has a Pulumi home and a state of its own.
"""

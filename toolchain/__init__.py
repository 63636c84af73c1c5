"""
The tools the project needs on a machine: found where they are, fetched or built where they are not.

Only the standard library, because it runs before the virtual environment exists; `k3s` alone reads
the program's pins and needs it. Everything fetched or built lies under `.local/`.
"""

"""The configuration read: which keys there are (keys.py), and what may stand under each."""

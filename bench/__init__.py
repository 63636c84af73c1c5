"""What the program costs, measured against the bare minimum in the same run."""

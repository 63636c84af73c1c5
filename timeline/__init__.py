"""The boot reports of a cluster as a picture: machines side by side, phases as bars."""

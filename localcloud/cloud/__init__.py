"""The local cloud's daemon: the AWS API by moto, and machines that follow what it says."""

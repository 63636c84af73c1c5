"""EC2 on your own machine: the AWS API, instances as system containers, the stand-ins for both."""

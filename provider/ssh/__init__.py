"""Machines over SSH. paramiko is imported here only."""

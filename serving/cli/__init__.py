"""The command line of the service, and the root that joins all commands."""

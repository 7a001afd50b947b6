"""The routes, a file a subject; each module brings a `router`."""

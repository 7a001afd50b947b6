"""Code that runs before and around every route: limits, access, ids, problems, repeated requests."""

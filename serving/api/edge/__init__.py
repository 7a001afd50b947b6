"""What stands before and around every route: limits, access, ids, problems, repeated requests."""

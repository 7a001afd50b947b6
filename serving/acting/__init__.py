"""What account managers say and plan: feedback on scores and next steps, with who and when."""

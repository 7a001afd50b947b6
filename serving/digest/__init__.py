"""What each account manager is sent: the accounts to call this week, what changed, what is due; by mail or as files."""

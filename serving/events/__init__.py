"""What happened to accounts, told to other programs: events, an outbox, signed webhooks."""

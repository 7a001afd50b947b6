"""Events about accounts and their way to the receivers: what changed, the outbox, signatures, deliveries."""

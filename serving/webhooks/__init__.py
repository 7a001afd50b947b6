"""Events about accounts and their delivery to receivers: changes, the outbox, signatures, deliveries."""

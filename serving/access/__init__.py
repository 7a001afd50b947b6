"""Who may do what: API keys, OIDC tokens, signed links, and what each of them sees."""

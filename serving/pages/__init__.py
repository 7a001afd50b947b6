"""Pages for account managers: sign-in, the portfolio, an account with its report; HTML that needs no script."""

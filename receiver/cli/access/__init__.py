"""Commands about who may ask: tokens, passwords, logins."""

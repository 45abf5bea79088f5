"""How people log in: passwords, single sign-on, a proxy that says who they are, and sessions."""

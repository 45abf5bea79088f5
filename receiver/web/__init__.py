"""The API, the console, runbooks and health over HTTP."""

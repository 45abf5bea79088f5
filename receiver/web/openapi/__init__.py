"""The API described for programs (OpenAPI 3.1) and people: made of the rows of the routes."""

"""The page of one incident: a module each part of it, and the endpoint that puts them together."""

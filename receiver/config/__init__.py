"""What each part's configuration is made of: types, problems with places, YAML with lines."""

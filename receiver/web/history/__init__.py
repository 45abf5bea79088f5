"""The history: a search of every incident that is kept, closed ones too."""

"""Texts as people read them: made visible, cut, counted, and as Markdown."""

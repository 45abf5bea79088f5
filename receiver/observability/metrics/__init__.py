"""The metrics, one family after the other, and the page that shows them."""

"""Reviews as people write them, and the action items of all of them."""

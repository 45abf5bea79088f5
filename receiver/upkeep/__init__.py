"""Looking after the store: check, repair, backup, restore, export."""

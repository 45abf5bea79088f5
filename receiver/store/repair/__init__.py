"""What is stored and cannot be read is put aside, and what can be made anew is."""

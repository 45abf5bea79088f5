"""What the public status page keeps that is of no incident."""

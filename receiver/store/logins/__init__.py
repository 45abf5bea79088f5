"""What is stored of people who log in: their sessions, and how often they failed."""

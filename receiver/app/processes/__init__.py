"""Several processes of one service on one machine: a parent and its children."""

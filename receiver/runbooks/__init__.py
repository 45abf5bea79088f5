"""The runbooks for people: the catalogue, its pages, how each was used, and whether it helped."""

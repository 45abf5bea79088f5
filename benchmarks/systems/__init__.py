"""The monitored systems on a fast clock: a minute of theirs is a second here."""

"""What all tests have in common."""

from hypothesis import settings

# Nothing is timed in a test: a machine that is busy is not a defect.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

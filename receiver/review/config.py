"""The configuration of reviews."""

from routing.config.base import OptionalText, Section


class ReviewConfig(Section):
    """Post-incident reviews: ``templates`` is a folder whose files replace those of the same name.

    They are ``review.md.j2`` and ``review.html.j2``.
    """

    templates: OptionalText = None

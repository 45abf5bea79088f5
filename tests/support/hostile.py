"""Label values."""

HOSTILE = (
    'quotes " and \\" and \\\\"',
    "back\\slash \\n is no line break",
    "line\nbreak",
    '{braces="x"}, comma',
    "ünï☃ \U0001f6a8 \u2028",
    "<!channel> & %22 + ? # ; =~ .* $(x) | ^",
    "cr\rtab\tnul\x00del\x7f",
    " spaces ",
)

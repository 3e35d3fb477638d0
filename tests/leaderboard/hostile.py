"""Names that a page, a table or a plot must show as text."""

HOSTILE = [
    "<script>document.title='owned'</script>",
    "</script><img src=x onerror=alert(1)>",
    '=HYPERLINK("http://x","y")',
    "a|b",
    "🦄 $\\frac{1}{$ {{ 7 * 7 }}",
    "שלום \u202eabc",
    "]]> & \u2028 \x00",
    "x" * 300,
]

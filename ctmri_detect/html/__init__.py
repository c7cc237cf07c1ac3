"""Templates and styles that the HTML pages of reports and inspection share."""

__all__: list[str] = []

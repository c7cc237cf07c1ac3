"""The shell of an HTML page: templates and style that reports and inspection pages share."""

__all__: list[str] = []

"""The skeleton and the style sheet of the report's page, as files."""

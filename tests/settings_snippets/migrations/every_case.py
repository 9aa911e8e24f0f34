"""All cases."""

from tests.settings_snippets.migrations import cases, more_cases, rolling_cases, row_cases
from tests.settings_snippets.migrations.shapes import CASES

__all__ = ["CASES", "cases", "more_cases", "rolling_cases", "row_cases"]

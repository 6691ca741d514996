"""Fixtures of reports that people look at."""

from chromium import browser

__all__ = ["browser"]

"""Fixtures of the report tests."""

from chromium import browser

__all__ = ["browser"]

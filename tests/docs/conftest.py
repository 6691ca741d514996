"""Fixtures of the documents' tests."""

from chromium import browser
from readme_demo import clone, demo

__all__ = ["browser", "clone", "demo"]

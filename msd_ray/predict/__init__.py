"""Exported students: checkpoint, model card, tagging text."""

"""Artifacts stored by content: teachers, outputs, students; locks, object stores, garbage collection."""

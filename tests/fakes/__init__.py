"""Ports implemented by hand, for tests."""

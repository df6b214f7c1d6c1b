"""Tests of bridge.rendering."""

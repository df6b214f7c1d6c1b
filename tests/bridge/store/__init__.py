"""Tests of bridge.store."""

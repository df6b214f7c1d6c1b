"""Tests of bridge.engine."""

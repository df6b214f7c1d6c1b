"""Tests of bridge.decisions."""

"""Tests of bridge.services."""

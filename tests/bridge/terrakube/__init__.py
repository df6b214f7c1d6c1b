"""Tests of bridge.terrakube."""

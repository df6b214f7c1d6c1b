"""Tests of bridge.domain."""

"""Tests of bridge.forges."""

"""Tests of bridge.web."""

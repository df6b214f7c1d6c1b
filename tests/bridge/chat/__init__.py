"""Tests of bridge.chat."""

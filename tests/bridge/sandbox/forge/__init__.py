"""Tests of bridge.sandbox.forge."""

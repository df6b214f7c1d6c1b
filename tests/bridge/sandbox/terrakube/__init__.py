"""Tests of the stand-in for Terrakube."""

"""Nouns: frozen values of the standard library only."""

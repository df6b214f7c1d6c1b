"""Judging what an examination saw: facts in, lines of a table out."""

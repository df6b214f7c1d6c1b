"""Queries by topic: plain functions of a connection, the same for both dialects.

A query that writes is handed to the database's writer and may share its transaction with others,
so it must not commit; when it raises, nothing of it stays.
"""

"""Examining everything around the bridge: gathers what it takes, and has it judged.

Every check is by itself: one that fails or hangs becomes a line that says so, and hides no other.
Nothing is changed anywhere.
"""

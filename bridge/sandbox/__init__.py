"""Strict, stateful stand-ins for Terrakube and a forge; imports nothing else of the bridge."""

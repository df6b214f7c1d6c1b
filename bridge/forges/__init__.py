"""Drivers for code forges: wire payloads in, forge-neutral values out."""

"""The functional core: facts in, decision out; no I/O, no log, no clock."""

"""The imperative shell: doers that talk to ports only."""

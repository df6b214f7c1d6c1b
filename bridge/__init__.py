"""What the program can do: everything but the reactions, which are in handlers."""

"""One module per command people write in a pull request."""

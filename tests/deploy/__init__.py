"""The image, the compose file and an installation from the lock."""

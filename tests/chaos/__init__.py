"""What a bridge that is killed at any moment owes the world: ``make chaos``."""

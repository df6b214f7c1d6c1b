"""What the bridge needs from outside, as protocols."""

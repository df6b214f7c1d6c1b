"""Which handler gets which event."""

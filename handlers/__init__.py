"""What the bridge does when something happens: one module per kind of event."""

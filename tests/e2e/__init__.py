"""The whole bridge between stand-ins for Terrakube and a forge: deliveries in, comments out."""

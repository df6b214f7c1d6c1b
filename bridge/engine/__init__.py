"""What makes it durable: rows that are due, leased, worked on and written back with a fence."""

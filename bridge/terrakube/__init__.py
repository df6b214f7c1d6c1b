"""The Terrakube client: JSON:API over the one HTTP adapter."""

"""GitHub, as an App or with a token; github.com and Enterprise Server."""

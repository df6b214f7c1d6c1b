"""The composition root: builds everything from Settings, and is alone in knowing everything."""

"""The composition root: builds drivers, services and engine from Settings; the only module that knows everything."""

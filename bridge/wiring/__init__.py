"""The composition root: builds drivers, services, engine and edge from Settings.

The only package that knows everything; nothing in it decides anything. ``serving`` runs the
bridge, ``outside`` makes the clients, ``inside`` what works in the background, ``explaining``
decides without acting.
"""

"""Trains the dish embedder, whose directions tell dishes apart that it has never seen. See the README above."""

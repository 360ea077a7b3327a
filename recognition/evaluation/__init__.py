"""How well labelled photographs are read: pure measuring on what the models saw, and the pictures that show it."""

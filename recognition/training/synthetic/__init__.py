"""Painted trays: photographs of canteen trays rendered from parameters, without any real photograph."""

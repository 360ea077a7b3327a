"""Values and messages. Imports nothing but the standard library's data types; no clock, randomness or I/O."""

"""Trains the dish detector, which finds every portion of food on a tray whatever the dish is. See the README above."""

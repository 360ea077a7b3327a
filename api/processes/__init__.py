"""What the system does by itself when something has, or has not, happened."""

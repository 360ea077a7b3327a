"""Everything that makes models and pictures; nothing here is needed to read a tray."""

"""What answers under which path: one file per subject, each with its table of operations."""

"""Pure rules. Each has an id and a version that are stored with the decision it led to."""

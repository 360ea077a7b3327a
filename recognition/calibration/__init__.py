"""From labelled trays to the limits from which a portion is billed without a person looking."""

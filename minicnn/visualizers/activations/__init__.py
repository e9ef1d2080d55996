"""Methods that show what filters and layers compute."""

"""Methods that ask whether attribution maps can be trusted."""

"""What each source says about its hands."""

"""Numbers to pages: tables and galleries."""

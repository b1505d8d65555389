"""Hands to a Label Studio server and reviewed work back: configuration, tasks, push, pull, status, doubles."""

"""Exports of Label Studio as files, of projects of hint and of others, read as if a server sent them."""

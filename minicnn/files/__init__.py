"""What goes to and comes from disk and network: whole or not at all.

Uses `minicnn.errors` only.
"""

"""Photos in, figures out: everything that knows pixels and colors.

Uses `minicnn.errors` and `minicnn.files` only; where the numbers come from it does not know.
"""

"""Gradient ascent on images: the one loop behind feature visualization, and what belongs to it.

May use the contract; knows no method.
"""

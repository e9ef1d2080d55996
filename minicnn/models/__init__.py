"""A model is a network with its pixels and class names: here are the known ones, descriptions of others, and the files that hold them.

May use everything below: networks and layers, weight files, photos, files.
"""

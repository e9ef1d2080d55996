"""HDF5 files as untrusted input: what the HDF5 library trusts blindly is checked before it sees a file.

Used by the Keras format alone.
"""

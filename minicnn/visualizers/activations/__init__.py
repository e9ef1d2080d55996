"""Methods that show what filters and layers compute.

May use the contract, and `minicnn.visualizers.ascent`; not the other methods.
"""

"""Methods that show what a class, a channel or a layer responds to, in images made or found for it.

May use the contract, and `minicnn.visualizers.ascent`; not the other methods.
"""

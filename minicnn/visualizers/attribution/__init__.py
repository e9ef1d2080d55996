"""Methods that show which parts of a photo mattered for an answer: attribution maps, and what is made from them.

May use the contract; not the other methods.
"""

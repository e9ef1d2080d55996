"""Methods that ask whether attribution maps can be trusted.

May use the contract, and attribution, whose maps it runs.
"""

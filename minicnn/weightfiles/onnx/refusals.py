"""Why a node cannot be read."""


class RefusedError(Exception):
    """What is wrong with a node, to be continued after its name: "is dilated". Who walks along the nodes adds which one it is."""

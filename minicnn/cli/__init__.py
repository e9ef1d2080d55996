"""The command line: one command for each visualizer, and the tools around them.

May use everything; nothing uses it.
"""

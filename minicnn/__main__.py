"""python -m minicnn"""

from minicnn.cli.main import main

main()

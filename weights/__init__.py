"""The shipped weights, installed as the package `minicnn.shipped`; README.md beside this file says where they come from."""

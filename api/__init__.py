"""The objects that a notebook or a script uses: a library, its videos, plans and search results.

They call the functions that the command line calls, with the settings of the same names.
"""

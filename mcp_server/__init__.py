"""Serve a library to agents by the Model Context Protocol.

The tools are read-only unless writing is allowed, open files inside the given folders only, and answer within limits.
"""

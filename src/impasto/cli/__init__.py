"""The command line: parse, then one call. Only here is anything printed."""

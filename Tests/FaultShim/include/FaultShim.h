// Nothing to call: the library is loaded into a tool with LD_PRELOAD and told by environment variables what to do.

"""The table of methods: a name, and where its class is; nothing heavy is imported until one is asked for."""

"""The table of methods: names and where their classes are; nothing heavy is imported until a method is loaded."""

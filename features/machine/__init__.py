"""What the machine has: memory to work in, and a folder for what does not fit."""

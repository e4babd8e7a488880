"""The simulator as a program: what it keeps between starts, how it lives on, delivers, and is told what to do."""

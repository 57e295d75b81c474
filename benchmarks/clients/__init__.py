"""The other ways of doing the work: each a program of its own, so that its CPU time and memory are its own."""

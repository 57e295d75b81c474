"""How the example pictures are drawn: a small path tracer, and a module for each picture."""

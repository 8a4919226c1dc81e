"""What Modelyard is about, a folder per domain; every folder repeats the same file names."""

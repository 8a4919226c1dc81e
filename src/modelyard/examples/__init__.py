"""Projects that ship with Modelyard, as folders of files."""

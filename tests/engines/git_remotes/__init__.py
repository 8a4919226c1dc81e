"""Git repositories elsewhere, against real servers on loopback."""

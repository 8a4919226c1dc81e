"""Tags: words by which projects are found."""

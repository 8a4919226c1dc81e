"""What every part of Modelyard stands on, and that knows no domain."""

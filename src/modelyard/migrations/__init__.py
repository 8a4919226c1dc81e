"""The database's history as plain SQL files, `NNNN_what.sql`, applied in order and never changed after."""

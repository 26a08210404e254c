//! Services beside the line.

//! What pages show, computed purely: no DOM, no clock, tested on the host.

pub mod format;

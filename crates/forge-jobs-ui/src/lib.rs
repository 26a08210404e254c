//! Mission Control, the panel of `forge-jobs`. It begins with its [`model`]: what pages show, computed purely.

pub mod model;

//! Numbers as bytes of 7 bits, the lowest first, where all but the last have the high bit.

/// Appends a number.
pub(super) fn push(bytes: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        bytes.push(0x80 | u8::try_from(n & 0x7F).unwrap_or(0));
        n >>= 7;
    }
    bytes.push(u8::try_from(n).unwrap_or(0));
}

/// Takes a number off the front; `None` if there is none that is whole.
pub(super) fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut n: u64 = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        n |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(n);
        }
    }
    None
}

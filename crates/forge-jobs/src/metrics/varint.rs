//! Numbers as bytes of 7 bits, the lowest first, where all but the last have the high bit.

/// Appends a number.
pub(super) fn push(bytes: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        bytes.push(0x80 | u8::try_from(n & 0x7F).unwrap_or(0));
        n >>= 7;
    }
    bytes.push(u8::try_from(n).unwrap_or(0));
}

/// Appends a number that may be below zero: small ones of either sign are short.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(super) fn push_signed(bytes: &mut Vec<u8>, n: i64) {
    push(bytes, ((n << 1) ^ (n >> 63)).cast_unsigned());
}

/// Takes off the front what [`push_signed`] appended.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(super) fn take_signed(bytes: &mut &[u8]) -> Option<i64> {
    let n = take(bytes)?;
    Some((n >> 1).cast_signed() ^ -(n & 1).cast_signed())
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

//! The one hash that is stored or sent: the same in every version and on every machine.

/// FNV-1a of 64 bits. Short, quick for short texts, and in nobody's secret: not for what an attacker may choose so that
/// it meets something else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fnv(u64);

impl Fnv {
    pub(crate) const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Goes on with more bytes.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
    }

    pub(crate) const fn value(self) -> u64 {
        self.0
    }
}

/// [`Fnv`] of parts that follow each other: what keeps them apart is a part too.
pub(crate) fn fnv<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let mut hash = Fnv::new();
    parts.into_iter().for_each(|part| hash.add(part));
    hash.value()
}

#[cfg(test)]
mod tests {
    use super::fnv;

    #[test]
    fn it_is_fnv_1a_as_published() {
        assert_eq!(fnv([]), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv([&b"a"[..]]), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv([&b"foo"[..], b"bar"]), 0x8594_4171_f739_67e8);
    }
}

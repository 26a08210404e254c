//! Identities: of a job, and of one boot of a process.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

macro_rules! uuid_newtype {
    ($(#[$doc:meta])* $name:ident, $what:literal, $error:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A new one, unlike any other; later ones sort after earlier ones.
            #[must_use]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// The sixteen bytes that storages keep.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// From the sixteen bytes that storages keep.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// As a UUID.
            #[must_use]
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        #[doc = concat!("The text is no ", $what, ".")]
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        #[error("{text:?} is no {}: expected a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057", $what)]
        pub struct $error {
            text: String,
        }

        impl FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text).map(Self).map_err(|_| $error { text: text.chars().take(64).collect() })
            }
        }

        /// As its text.
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

uuid_newtype!(
    /// Identity of a job: a version-7 UUID, made by the client before the insert.
    ///
    /// An enqueue whose outcome is unknown can therefore be sent again under the same id without a twin.
    /// Unique for as long as the job is kept, history included.
    JobId,
    "job id",
    JobIdParseError
);

uuid_newtype!(
    /// Identity of one boot of a worker process: made anew at each start, never the host name, so that a restarted
    /// process cannot keep the jobs of its predecessor alive.
    ProcessId,
    "process id",
    ProcessIdParseError
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_one_process_sort_in_the_order_they_were_made() {
        let ids: Vec<_> = (0..2_000).map(|_| JobId::new()).collect();
        assert!(ids.is_sorted());
    }

    #[test]
    fn text_and_bytes_round_trip() {
        let id = JobId::new();
        assert_eq!(id.to_string().parse::<JobId>().unwrap(), id);
        assert_eq!(JobId::from_bytes(*id.as_bytes()), id);
    }

    #[test]
    fn in_json_it_is_its_text() {
        let id = JobId::new();
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, format!("\"{id}\""));
        assert_eq!(serde_json::from_str::<JobId>(&json).unwrap(), id);
        let process = ProcessId::from_bytes(*id.as_bytes());
        assert_eq!(serde_json::to_string(&process).unwrap(), json);
        let e = serde_json::from_str::<ProcessId>("\"12\"").unwrap_err().to_string();
        assert!(e.contains("no process id"), "{e}");
    }

    #[test]
    fn what_is_no_id_is_named_in_the_error() {
        let e = "12".parse::<JobId>().unwrap_err();
        assert!(e.to_string().contains("\"12\""), "{e}");
    }
}

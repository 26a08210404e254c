//! Structs that are read from objects only.
//!
//! What is generated to read a struct takes a list of its fields in their order too. In JSON that is nothing that
//! anybody means: a filter `[null]` would be one that lets every job through.

use serde::de::{DeserializeOwned, Deserializer, Error, MapAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde::{Deserialize, de};
use std::fmt;

/// A value that is read from an object.
#[derive(Clone, Debug)]
pub struct Object<T>(pub T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(Keyed(deserializer)).map(Self)
    }
}

/// For a field that is a struct.
pub(super) fn one<'de, T: DeserializeOwned, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    Object::deserialize(from).map(|object| object.0)
}

/// For a field that may be a struct.
pub(super) fn option<'de, T: DeserializeOwned, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    Ok(Option::<Object<T>>::deserialize(from)?.map(|object| object.0))
}

/// For a field that is a list of structs.
pub(super) fn list<'de, T: DeserializeOwned, D: Deserializer<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Ok(Vec::<Object<T>>::deserialize(from)?.into_iter().map(|object| object.0).collect())
}

/// Gives what is in it to those who take an object, and to nobody else.
struct Keyed<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Keyed<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(OfKeys(visitor))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_struct(name, fields, OfKeys(visitor))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// Whoever takes an object; all that it does not say here is refused.
struct OfKeys<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for OfKeys<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(map)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, _seq: A) -> Result<V::Value, A::Error> {
        Err(A::Error::invalid_type(de::Unexpected::Seq, &"an object"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{BulkQuery, BulkRun, EnqueueBatch, EnqueueLine, JobQuery};

    fn refused<T: DeserializeOwned>(text: &str) -> bool {
        serde_json::from_str::<T>(text).is_err()
    }

    #[test]
    fn a_list_of_fields_is_no_struct() {
        assert!(serde_json::from_str::<JobQuery>("[null, null]").is_ok(), "or this module has no purpose");
        assert!(refused::<Object<JobQuery>>("[null, null]") && refused::<Object<JobQuery>>("[]"));
        assert!(refused::<Object<JobQuery>>("null") && refused::<Object<JobQuery>>("\"queue\""));
        let read: Object<JobQuery> = serde_json::from_str(r#"{"queue":"mail"}"#).expect("an object is read");
        assert_eq!(read.0.queue.as_deref(), Some("mail"));
    }

    #[test]
    fn the_structs_in_bodies_are_objects_too() {
        assert!(refused::<BulkRun>(r#"{"filter":[null],"at_most":1}"#));
        assert!(!refused::<BulkRun>(r#"{"filter":{},"at_most":1}"#));
        assert!(refused::<BulkQuery>(r#"{"verb":"drop","filter":[]}"#));
        for none in [r#"{"verb":"drop","filter":null}"#, r#"{"verb":"drop"}"#] {
            assert!(!refused::<BulkQuery>(none), "{none}");
        }
        assert!(refused::<EnqueueBatch>(r#"{"jobs":[["k",1]]}"#));
        let batch = r#"{"jobs":[{"kind":"k","payload":{ "n" : 1e400 }}]}"#;
        let read: EnqueueBatch = serde_json::from_str(batch).expect("objects are read");
        assert_eq!(read.jobs[0].payload.get(), r#"{ "n" : 1e400 }"#, "byte for byte");
        assert!(refused::<Object<EnqueueLine>>(r#"["k", 1]"#));
    }
}

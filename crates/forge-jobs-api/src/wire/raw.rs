//! Equality of what has a piece of JSON in it, as text.

use serde_json::value::RawValue;

/// JSON that may be there.
pub(super) trait Text {
    /// As it was written; `None` where there is none.
    fn text(&self) -> Option<&str>;
}

impl Text for Box<RawValue> {
    fn text(&self) -> Option<&str> {
        Some(self.get())
    }
}

impl Text for Option<Box<RawValue>> {
    fn text(&self) -> Option<&str> {
        self.as_deref().map(RawValue::get)
    }
}

/// `equal!(Struct { fields; fields that are JSON })`. Every field is named: one that is forgotten does not compile.
macro_rules! equal {
    ($name:ident { $($field:ident),+; $($raw:ident),+ }) => {
        /// JSON is the same when its text is.
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                use $crate::wire::raw::Text as _;
                let Self { $($field,)+ $($raw),+ } = self;
                $($field == &other.$field)&&+ $(&& $raw.text() == other.$raw.text())+
            }
        }
    };
}

//! References in Stripe's objects.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A reference: an id, or the object itself where it was expanded.
#[derive(Debug)]
pub(super) enum Expandable<I, T> {
    Id(I),
    Object(T),
}

/// By what stands there, since a derived `untagged` would read each object twice.
impl<'de, I: Deserialize<'de>, T: Deserialize<'de>> Deserialize<'de> for Expandable<I, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<I, T>(PhantomData<(I, T)>);

        impl<'de, I: Deserialize<'de>, T: Deserialize<'de>> Visitor<'de> for Either<I, T> {
            type Value = Expandable<I, T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id or an object")
            }

            fn visit_str<E: de::Error>(self, id: &str) -> Result<Self::Value, E> {
                I::deserialize(id.into_deserializer()).map(Expandable::Id)
            }

            fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(object)).map(Expandable::Object)
            }
        }
        deserializer.deserialize_any(Either(PhantomData))
    }
}

//! Choices in recipes: a bare name, or a name with settings of its own, `"hydra"` or `{ hydra = { learn = 0.5 } }`.
//!
//! serde reads an enum's variants with fields from tables alone, even if every field has a default. Used as
//! `#[serde(deserialize_with = "named::read")]`.

use std::fmt;
use std::iter;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::value::{MapAccessDeserializer, MapDeserializer};
use serde::de::{
    self, Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess,
    IntoDeserializer, MapAccess, VariantAccess, Visitor,
};
use serde_json::{Map, Value};

/// Reads an enum from a name, whose fields then take their defaults, or from a table with the name as its only key.
///
/// # Errors
/// If there is no such name, or its settings cannot be read.
pub(crate) fn read<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    deserializer.deserialize_any(Choice(PhantomData))
}

/// A choice as people read it: its name, with those settings behind it that are not the usual ones. A bare name must be enough for it.
pub(crate) fn name<T: Serialize + DeserializeOwned>(choice: &T) -> String {
    name_with(choice, "", String::new)
}

/// The same of a choice with another one among its settings, under `inner_key`, whose name is `inner`.
pub(crate) fn name_with<T: Serialize + DeserializeOwned>(
    choice: &T,
    inner_key: &str,
    inner: impl Fn() -> String,
) -> String {
    let (name, settings) = spelled(choice);
    let usual: T = read(Value::from(name.as_str())).expect("a name will do");
    let (_, usual) = spelled(&usual);
    let changed = settings
        .into_iter()
        .filter(|(key, value)| usual.get(key) != Some(value));
    let short = |(key, value): (String, Value)| match value {
        _ if key == inner_key => format!("{key}={}", inner()),
        Value::String(word) => format!("{key}={word}"),
        other => format!("{key}={other}"),
    };
    let changed: Vec<String> = changed.map(short).collect();
    match changed.as_slice() {
        [] => name,
        changed => format!("{name}({})", changed.join(",")),
    }
}

/// Name and settings.
fn spelled<T: Serialize>(choice: &T) -> (String, Map<String, Value>) {
    match serde_json::to_value(choice).expect("plain data") {
        Value::String(name) => (name, Map::new()),
        Value::Object(fields) => {
            let (name, fields) = fields.into_iter().next().expect("one variant");
            (name, fields.as_object().cloned().unwrap_or_default())
        }
        _ => unreachable!("variants are names or objects"),
    }
}

struct Choice<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Choice<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name, or a table of one name and its settings")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<T, E> {
        T::deserialize(Bare(name, PhantomData))
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(table))
    }
}

/// A name with no settings, as an enum of any kind of variant.
struct Bare<'n, E>(&'n str, PhantomData<E>);

impl<'de, E: de::Error> Deserializer<'de> for Bare<'_, E> {
    type Error = E;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_enum(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, E: de::Error> EnumAccess<'de> for Bare<'_, E> {
    type Error = E;
    type Variant = NoSettings<E>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self::Variant), E> {
        let name: de::value::StrDeserializer<'_, E> = self.0.into_deserializer();
        Ok((seed.deserialize(name)?, NoSettings(PhantomData)))
    }
}

struct NoSettings<E>(PhantomData<E>);

impl<E: de::Error> NoSettings<E> {
    fn table<'de>() -> MapDeserializer<'de, iter::Empty<(&'de str, &'de str)>, E> {
        MapDeserializer::new(iter::empty())
    }
}

impl<'de, E: de::Error> VariantAccess<'de> for NoSettings<E> {
    type Error = E;

    fn unit_variant(self) -> Result<(), E> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, E> {
        seed.deserialize(Self::table())
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, E> {
        Err(E::custom("a list of settings is needed"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, E> {
        visitor.visit_map(Self::table())
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Recipe {
        #[serde(deserialize_with = "super::read")]
        method: Method,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "kebab-case", deny_unknown_fields)]
    enum Method {
        Plain,
        Fields {
            #[serde(default)]
            rate: f64,
            depth: Option<usize>,
        },
        Inner(Settings),
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Settings {
        steps: usize,
    }

    fn read(text: &str) -> Result<Method, String> {
        let recipe: Result<Recipe, _> = toml::from_str(text);
        recipe.map(|r| r.method).map_err(|error| error.to_string())
    }

    #[test]
    fn names_and_tables_are_read_alike() {
        let fields = |rate, depth| Method::Fields { rate, depth };
        for (text, expected) in [
            ("method = \"plain\"", Method::Plain),
            ("method = \"fields\"", fields(0.0, None)),
            ("method = { fields = {} }", fields(0.0, None)),
            (
                "[method.fields]\nrate = 2.0\ndepth = 3",
                fields(2.0, Some(3)),
            ),
            ("method = \"inner\"", Method::Inner(Settings::default())),
            (
                "method = { inner = { steps = 4 } }",
                Method::Inner(Settings { steps: 4 }),
            ),
        ] {
            assert_eq!(read(text).as_ref(), Ok(&expected), "{text}");
        }
    }

    #[test]
    fn errors_name_what_is_wrong_and_what_there_is() {
        for (text, expected) in [
            (
                "method = \"other\"",
                "expected one of `plain`, `fields`, `inner`",
            ),
            ("method = { fields = { rat = 1.0 } }", "unknown field `rat`"),
            ("method = 3", "a name, or a table"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}

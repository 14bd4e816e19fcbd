//! What a recipe may say, found out by asking: every place is given a key that there cannot be, and the error lists those that there are.

use std::rc::Rc;

use sinew::recipe::Recipe;
use sinew_tests::program::RECIPE;
use toml::{Table, Value};

/// A key that there is nowhere.
const NOTHING: &str = "zzz";

/// A recipe with a value in one place, and everything that must be there beside it.
type Put = Rc<dyn Fn(Value) -> Table>;

/// All that a recipe may say.
#[derive(Default)]
pub struct Schema {
    /// Place and name of everything that can be chosen by a name.
    pub names: Vec<(String, String)>,
    /// All keys of tables.
    pub settings: Vec<Setting>,
}

/// A key of a table.
pub struct Setting {
    /// Where the table is: `train`, `train.adversary.pgd`; `recipe` for the whole.
    pub place: String,
    /// The key.
    pub key: String,
    /// The rest of the table, if that can be used.
    siblings: Table,
    put: Put,
}

impl Setting {
    /// What it is if the recipe does not say; the error if it must.
    pub fn absent(&self) -> Result<Recipe, String> {
        read((self.put)(Value::Table(self.siblings.clone())))
    }

    /// What the recipe is with this value.
    pub fn with(&self, value: Value) -> Result<Recipe, String> {
        let mut table = self.siblings.clone();
        table.insert(self.key.clone(), value);
        read((self.put)(Value::Table(table)))
    }
}

impl Schema {
    /// Of all recipes.
    pub fn new() -> Self {
        let mut schema = Self::default();
        let base: Table = RECIPE.parse().unwrap();
        let whole: Put = Rc::new(|value| match value {
            Value::Table(table) => table,
            other => panic!("{other} is no recipe"),
        });
        schema.ask("recipe", Some(&Value::Table(base)), &whole);
        schema
    }

    /// Adds what can be said at a place, where `known` is something that can be used.
    fn ask(&mut self, place: &str, known: Option<&Value>, put: &Put) {
        let mut put = Rc::clone(put);
        let mut error = read(put(nothing())).unwrap_err();
        if error.contains("expected a sequence") {
            let list = Rc::clone(&put);
            put = Rc::new(move |value| list(Value::Array(vec![value])));
            error = read(put(nothing())).unwrap_err();
        }
        if error.contains(&format!("unknown field `{NOTHING}`")) {
            let table = known.and_then(Value::as_table).cloned();
            let table = completed(table.unwrap_or_default(), &put);
            for key in offered(&error) {
                let (mut siblings, put) = (table.clone(), Rc::clone(&put));
                let known = siblings.remove(&key);
                let (beside, whole) = (siblings.clone(), Rc::clone(&put));
                let name = key.clone();
                let inner: Put = Rc::new(move |value| {
                    let mut table = beside.clone();
                    table.insert(name.clone(), value);
                    whole(Value::Table(table))
                });
                self.ask(&below(place, &key), known.as_ref(), &inner);
                self.settings.push(Setting {
                    place: place.to_owned(),
                    key,
                    siblings,
                    put,
                });
            }
        } else if error.contains(&format!("unknown variant `{NOTHING}`")) {
            for name in offered(&error) {
                let known = known.and_then(Value::as_table);
                let known = known.and_then(|table| table.get(&name));
                let (put, key) = (Rc::clone(&put), name.clone());
                let inner: Put = Rc::new(move |value| put(table_of(&key, value)));
                self.ask(&below(place, &name), known, &inner);
                self.names.push((place.to_owned(), name));
            }
        }
    }
}

fn below(place: &str, key: &str) -> String {
    match place {
        "recipe" => key.to_owned(),
        _ => format!("{place}.{key}"),
    }
}

fn read(recipe: Table) -> Result<Recipe, String> {
    recipe
        .try_into()
        .map_err(|error: toml::de::Error| error.to_string())
}

fn table_of(key: &str, value: Value) -> Value {
    Value::Table(Table::from_iter([(key.to_owned(), value)]))
}

fn nothing() -> Value {
    table_of(NOTHING, Value::Integer(1))
}

/// The names that an error offers behind what it does not know.
fn offered(error: &str) -> Vec<String> {
    let (_, offer) = error.split_once(", expected ").unwrap_or_default();
    let line = offer.lines().next().unwrap_or_default();
    let quoted = line.split('`').skip(1).step_by(2);
    quoted.map(str::to_owned).collect()
}

/// The table with everything that must be there.
fn completed(mut table: Table, put: &Put) -> Table {
    let missing = |table: &Table| {
        let error = read(put(Value::Table(table.clone()))).err()?;
        let (_, rest) = error
            .split_once("missing field `")
            .unwrap_or_else(|| panic!("{error}"));
        Some(rest.split('`').next().unwrap().to_owned())
    };
    while let Some(key) = missing(&table) {
        let mut try_out = |value: Value| {
            table.insert(key.clone(), value);
            read(put(Value::Table(table.clone())))
                .err()
                .filter(|error| !error.contains("missing field"))
        };
        let values = [Value::Integer(1), Value::Array(vec![Value::Float(0.5)])];
        if values.into_iter().all(|value| try_out(value).is_some()) {
            let names = try_out(nothing()).map(|error| offered(&error));
            let name = names.and_then(|names| names.into_iter().next());
            let refused = try_out(Value::String(name.expect("a name to choose")));
            assert_eq!(refused, None);
        }
    }
    table
}

//! `docs/RECIPES.md` against the schema: nothing is missing, nothing is invented, defaults are what happens without the key.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use toml::{Table, Value};

use super::schema::Schema;

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/RECIPES.md");
    fs::read_to_string(path).unwrap()
}

/// What stands in backticks.
fn quotes(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// What the page says about each name and each setting, by place and name. Settings have their default in TOML, "required" or "none".
#[derive(Default)]
struct Tables {
    names: BTreeSet<(String, String)>,
    settings: BTreeMap<(String, String), String>,
}

impl Tables {
    /// Of headings such as "## Adversaries: `train.adversary`", whose places are those of the table below, and of rows that begin with a name.
    fn of(page: &str) -> Self {
        let mut tables = Self::default();
        let (mut places, mut of_choices) = (Vec::new(), false);
        for line in page.lines() {
            if line.starts_with('#') {
                places = quotes(line).map(str::to_owned).collect();
            } else if line.starts_with("| name | settings |") {
                of_choices = true;
            } else if line.starts_with("| key | type | default |") {
                of_choices = false;
            } else if line.starts_with("| `") {
                let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
                let name = quotes(cells[0]).next().unwrap();
                for place in &places {
                    if of_choices {
                        tables.add_choice(place, name, cells[1]);
                    } else {
                        let default = quotes(cells[2]).next().unwrap_or(cells[2]);
                        tables.add_setting(place, name, default);
                    }
                }
            }
        }
        tables
    }

    fn add_choice(&mut self, place: &str, name: &str, settings: &str) {
        let new = self.names.insert((place.to_owned(), name.to_owned()));
        assert!(new, "{place} has {name} twice");
        for setting in quotes(settings) {
            let (key, default) = setting.split_once(" = ").unwrap_or((setting, "required"));
            self.add_setting(&format!("{place}.{name}"), key, default);
        }
    }

    fn add_setting(&mut self, place: &str, key: &str, default: &str) {
        let key = (place.to_owned(), key.to_owned());
        let before = self.settings.insert(key, default.to_owned());
        assert_eq!(before, None, "{place} has a key twice");
    }
}

#[test]
fn the_page_lists_every_key_and_every_name_and_no_other() {
    let (page, schema) = (page(), Schema::new());
    let tables = Tables::of(&page);
    let known = |place: &str| tables.names.iter().any(|(known, _)| known == place);
    let (choices, plain): (Vec<_>, Vec<_>) = schema
        .names
        .iter()
        .cloned()
        .partition(|(place, _)| known(place));
    assert_eq!(BTreeSet::from_iter(choices), tables.names);
    for (place, name) in plain {
        assert!(
            page.contains(&format!("`\"{name}\"`")),
            "no \"{name}\" of {place}"
        );
    }
    let keys = schema
        .settings
        .iter()
        .map(|s| (s.place.clone(), s.key.clone()));
    let keys: BTreeSet<_> = keys.collect();
    let listed: BTreeSet<_> = tables.settings.keys().cloned().collect();
    let difference: Vec<_> = keys.symmetric_difference(&listed).collect();
    assert!(
        difference.is_empty(),
        "in one, but not in the other: {difference:?}"
    );
    assert!(keys.len() > 100, "only {} keys were found", keys.len());
}

#[test]
fn the_pages_defaults_are_what_happens_without_the_key() {
    let (schema, tables) = (Schema::new(), Tables::of(&page()));
    for setting in schema.settings {
        let (place, key) = (&setting.place, &setting.key);
        let default = &tables.settings[&(place.clone(), key.clone())];
        let place = format!("{key} of {place}, {default}");
        let absent = setting.absent();
        if default == "required" {
            let error = absent.expect_err(&place);
            assert!(
                error.contains(&format!("missing field `{key}`")),
                "{place}: {error}"
            );
            continue;
        }
        let absent = absent.unwrap_or_else(|error| panic!("{place}: {error}"));
        if default == "none" {
            let text = toml::to_string(&absent).unwrap();
            let written: Table = text.parse().unwrap();
            let table = setting
                .place
                .split('.')
                .try_fold(&written, |table, part| match part {
                    "recipe" => Some(table),
                    part => table[part].as_table(),
                });
            assert!(!table.unwrap().contains_key(key), "{place}");
            continue;
        }
        let line: Table = format!("default = {default}").parse().unwrap();
        let value: Value = line["default"].clone();
        assert_eq!(setting.with(value), Ok(absent), "{place}");
    }
}

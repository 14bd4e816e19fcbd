//! How a network is pruned, as a recipe spells it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::method::{
    FlyingBird, FlyingBirdSettings, Harp, HarpSettings, Hydra, HydraSettings, LearnedMask,
    LearnedMaskSettings, Radmm, RadmmSettings, Ranked, RankedSettings,
};
use super::{Granularity, PruningSchedule, Scope, Sparsifier, Target};
use crate::named;

/// What is removed, by which method, and what it may look at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PruneSettings {
    /// Who decides.
    #[serde(deserialize_with = "named::read")]
    pub method: MethodSettings,
    /// Fraction of all weights to remove; with whole units, fraction of the units.
    pub sparsity: f64,
    /// What is removed at a time.
    #[serde(default, deserialize_with = "named::read")]
    pub granularity: Granularity,
    /// What is compared with what.
    #[serde(default)]
    pub scope: Scope,
    /// Fraction of its weights that every layer keeps.
    #[serde(default = "usual_floor")]
    pub density_floor: f64,
    /// Training images on which a network is measured.
    #[serde(default = "usual_samples")]
    pub samples: usize,
    /// Steps of the PGD attack on them.
    #[serde(default = "usual_steps")]
    pub steps: usize,
}

fn usual_floor() -> f64 {
    0.002
}

fn usual_samples() -> usize {
    500
}

fn usual_steps() -> usize {
    5
}

/// A method with its constants. All of them have defaults, so that a name is enough.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MethodSettings {
    /// By a criterion, at once or gradually.
    Ranked(RankedSettings),
    /// Scores learnt together with the weights, under pressure of their units' anomaly.
    LearnedMask(LearnedMaskSettings),
    /// Scores learnt while weights stand still.
    Hydra(HydraSettings),
    /// The same with densities of layers.
    Harp(HarpSettings),
    /// Weights pulled to their pruned version.
    Radmm(RadmmSettings),
    /// Sparse from the first step, with moving connections.
    FlyingBird(FlyingBirdSettings),
}

impl MethodSettings {
    fn sparsifier(&self, target: Target, seed: u64) -> Box<dyn Sparsifier> {
        match self {
            Self::Ranked(settings) => Box::new(Ranked::new(settings.clone(), target, seed)),
            Self::LearnedMask(settings) => {
                Box::new(LearnedMask::new(settings.clone(), target, seed))
            }
            Self::Hydra(settings) => Box::new(Hydra::new(*settings, target)),
            Self::Harp(settings) => Box::new(Harp::new(*settings, target)),
            Self::Radmm(settings) => Box::new(Radmm::new(*settings, target)),
            Self::FlyingBird(settings) => Box::new(FlyingBird::new(*settings, target)),
        }
    }

    /// The method with this name, with its usual constants: a method's own name, a criterion's for pruning at once, or a criterion's
    /// behind `gradual-`.
    ///
    /// # Errors
    /// What names there are.
    pub fn named(name: &str) -> Result<Self, String> {
        let (criterion, schedule) = match name.strip_prefix("gradual-") {
            Some(criterion) => (criterion, "gradual"),
            None => (name, "one-shot"),
        };
        let schedule = named::read(Value::from(schedule)).expect("a name will do");
        match named::read(Value::from(criterion)) {
            Ok(criterion) => Ok(Self::Ranked(RankedSettings {
                criterion,
                schedule,
            })),
            Err(no_criterion) => {
                named::read(Value::from(name)).map_err(|no_method: serde_json::Error| {
                    format!("{no_method}; {no_criterion}, or one of these behind `gradual-`")
                })
            }
        }
    }

    /// The name, as [`named`](Self::named) reads it, with those constants behind it that are not the usual ones.
    pub fn name(&self) -> String {
        match self {
            Self::Ranked(RankedSettings {
                criterion,
                schedule,
            }) => match schedule {
                PruningSchedule::OneShot => criterion.name(),
                gradual => format!("{}-{}", named::name(gradual), criterion.name()),
            },
            Self::LearnedMask(settings) => {
                named::name_with(self, "start", || settings.start.name())
            }
            other => named::name(other),
        }
    }

    fn problem(&self) -> Option<String> {
        let fraction = |key: &str, x: f64| {
            let outside = !(x > 0.0 && x < 1.0);
            outside.then(|| format!("{key}: {x} is not between 0 and 1"))
        };
        let not_negative = |key: &str, x: f64| {
            let outside = !(x.is_finite() && x >= 0.0);
            outside.then(|| format!("{key}: {x} is not 0 or more"))
        };
        let some = |key: &str, n: usize| (n == 0).then(|| format!("{key}: must be at least 1"));
        match self {
            Self::Ranked(s) => (s.criterion.problem().map(|p| format!("criterion.{p}")))
                .or_else(|| s.schedule.problem().map(|p| format!("schedule.{p}"))),
            Self::LearnedMask(s) => (s.start.problem().map(|p| format!("start.{p}")))
                .or_else(|| not_negative("score_rate", s.score_rate))
                .or_else(|| not_negative("anomaly", s.anomaly))
                .or_else(|| fraction("anneal", s.anneal))
                .or_else(|| fraction("freeze", s.freeze))
                .or_else(|| {
                    let early = s.freeze < s.anneal;
                    early.then(|| format!("freeze: {} is before anneal", s.freeze))
                }),
            Self::Hydra(s) => {
                not_negative("score_rate", s.score_rate).or_else(|| fraction("learn", s.learn))
            }
            Self::Harp(s) => (not_negative("score_rate", s.score_rate))
                .or_else(|| not_negative("penalty", s.penalty))
                .or_else(|| fraction("learn", s.learn)),
            Self::Radmm(s) => (not_negative("penalty", s.penalty))
                .or_else(|| fraction("pull", s.pull))
                .or_else(|| some("updates", s.updates)),
            Self::FlyingBird(s) => (fraction("drop", s.drop))
                .or_else(|| fraction("explore", s.explore))
                .or_else(|| some("updates", s.updates)),
        }
    }
}

impl PruneSettings {
    /// The method, ready for a run with this seed.
    pub fn sparsifier(&self, seed: u64) -> Box<dyn Sparsifier> {
        self.method.sparsifier(self.target(), seed)
    }

    /// What is to be left in the end.
    pub fn target(&self) -> Target {
        Target {
            sparsity: self.sparsity,
            granularity: self.granularity,
            scope: self.scope,
            density_floor: self.density_floor,
        }
    }

    /// The first setting that cannot be used, as "key: problem".
    pub fn problem(&self) -> Option<String> {
        let room = 1.0 - self.sparsity + f64::EPSILON;
        match self {
            s if !(0.0..1.0).contains(&s.sparsity) => Some(format!(
                "sparsity: {} is not in [0, 1): it is the fraction of weights to remove",
                s.sparsity
            )),
            s if !(0.0..=room).contains(&s.density_floor) => Some(format!(
                "density_floor: {} is not between 0 and 1 − sparsity",
                s.density_floor
            )),
            s if s.samples == 0 => Some("samples: must be at least 1".to_owned()),
            s if s.steps == 0 => Some("steps: must be at least 1".to_owned()),
            s => (s.granularity.problem(s.sparsity))
                .or_else(|| s.method.problem().map(|p| format!("method.{p}")))
                .or_else(|| s.misfit()),
        }
    }

    /// A setting that the method would have to ignore.
    fn misfit(&self) -> Option<String> {
        let problem = match (&self.method, self.granularity) {
            (MethodSettings::FlyingBird(_), Granularity::Unit) => {
                "granularity: units that are gone cannot grow again, so flying-bird takes weight, block"
            }
            (MethodSettings::FlyingBird(_), Granularity::NM { .. }) => {
                "granularity: n-m leaves no connection to move, so flying-bird takes weight, block"
            }
            (MethodSettings::Harp(_), Granularity::NM { .. }) => {
                "granularity: n-m decides the density of every layer, so harp takes weight, block, unit"
            }
            (MethodSettings::Harp(_), _) if self.scope != Scope::Global => {
                "scope: harp learns the density of every layer; leave it out"
            }
            _ => return None,
        };
        Some(problem.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(method: &str, more: &str) -> PruneSettings {
        let text = format!("method = {method}\nsparsity = 0.5\n{more}");
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn a_name_is_enough_and_has_no_problem() {
        for name in ["learned-mask", "hydra", "harp", "radmm", "flying-bird"] {
            let settings = read(&format!("\"{name}\""), "");
            assert_eq!(settings.problem(), None, "{name}");
            let again: PruneSettings =
                toml::from_str(&toml::to_string(&settings).unwrap()).unwrap();
            assert_eq!(again, settings);
        }
    }

    #[test]
    fn settings_out_of_range_are_named() {
        for (method, more, problem) in [
            (
                "{ hydra = { learn = 1.0 } }",
                "",
                "method.learn: 1 is not between 0 and 1",
            ),
            (
                "{ hydra = { score_rate = -1.0 } }",
                "",
                "method.score_rate: -1 is not 0 or more",
            ),
            (
                "{ harp = { penalty = inf } }",
                "",
                "method.penalty: inf is not 0 or more",
            ),
            (
                "{ radmm = { updates = 0 } }",
                "",
                "method.updates: must be at least 1",
            ),
            (
                "{ flying-bird = { drop = 0.0 } }",
                "",
                "method.drop: 0 is not between 0 and 1",
            ),
            (
                "{ learned-mask = { freeze = 0.5 } }",
                "",
                "method.freeze: 0.5 is before anneal",
            ),
            ("\"hydra\"", "samples = 0", "samples: must be at least 1"),
        ] {
            assert_eq!(read(method, more).problem().unwrap(), problem);
        }
    }

    #[test]
    fn settings_that_a_method_would_ignore_are_refused() {
        let pairs = "granularity = { n-m = { keep = 2, of = 4 } }";
        for (method, more, key) in [
            ("\"flying-bird\"", "granularity = \"unit\"", "granularity: "),
            ("\"flying-bird\"", pairs, "granularity: "),
            ("\"harp\"", pairs, "granularity: "),
            ("\"harp\"", "scope = \"erk\"", "scope: "),
        ] {
            let problem = read(method, more).problem().unwrap();
            assert!(problem.starts_with(key), "{problem}");
        }
        for (method, more) in [
            (
                "\"flying-bird\"",
                "granularity = { block = { across = 4, along = 1 } }",
            ),
            ("\"harp\"", "granularity = \"unit\""),
            ("\"radmm\"", pairs),
        ] {
            assert_eq!(read(method, more).problem(), None);
        }
    }
}

//! Attacks as recipes and the command line spell them, with the defaults of their papers.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Apgd, ApgdLoss, ApgdT, CarliniWagner, DeepFool, FabT, Fgsm, HopSkipJump, Method, MiFgsm,
    NamedAttack, Noise, Norm, Pgd, PgdLoss, Spsa, Square, ThreatModel, Transfer,
};
use crate::classifier::Differentiable;

/// An attack and its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum AttackSettings {
    /// One step of ε.
    Fgsm,
    /// Projected gradient descent.
    Pgd {
        /// Steps per restart.
        steps: usize,
        /// Independent random starts.
        restarts: usize,
        /// What is raised.
        #[serde(default)]
        loss: PgdLoss,
    },
    /// Iterated FGSM with momentum.
    MiFgsm {
        /// Steps.
        steps: usize,
    },
    /// PGD that finds its own step sizes.
    Apgd {
        /// What is raised.
        loss: ApgdLoss,
        /// Steps per restart.
        steps: usize,
        /// Independent random starts.
        restarts: usize,
    },
    /// The same towards one class after the other.
    ApgdT {
        /// Steps per target.
        steps: usize,
        /// How many classes are tried.
        targets: usize,
    },
    /// Smallest perturbation, towards one class after the other.
    FabT {
        /// Steps per target.
        steps: usize,
        /// How many classes are tried.
        targets: usize,
    },
    /// Smallest perturbation, by linearisation.
    #[serde(rename = "deepfool")]
    DeepFool {
        /// Steps.
        steps: usize,
    },
    /// Smallest L2 perturbation, by a penalty.
    CarliniWagner {
        /// Steps per search.
        steps: usize,
        /// Weights of the penalty that are tried.
        searches: usize,
    },
    /// Random search over squares.
    Square {
        /// Most queries per image.
        queries: usize,
    },
    /// Gradients estimated from logits.
    Spsa {
        /// Steps.
        steps: usize,
        /// Queries per step.
        samples: usize,
    },
    /// A walk along the boundary that sees decisions alone.
    HopSkipJump {
        /// Most queries per image.
        queries: usize,
    },
    /// Random points of the ball.
    Noise {
        /// How many.
        queries: usize,
    },
    /// PGD on another network.
    Transfer {
        /// Steps.
        steps: usize,
    },
}

/// Every attack that can be asked for by a name, with its defaults.
pub const NAMED: [(&str, AttackSettings); 16] = {
    use AttackSettings as A;
    const fn pgd(loss: PgdLoss) -> AttackSettings {
        A::Pgd {
            steps: 20,
            restarts: 2,
            loss,
        }
    }
    const fn apgd(loss: ApgdLoss) -> AttackSettings {
        A::Apgd {
            loss,
            steps: 100,
            restarts: 1,
        }
    }
    const TARGETED: (usize, usize) = (100, 9);
    let (steps, targets) = TARGETED;
    [
        ("fgsm", A::Fgsm),
        ("pgd", pgd(PgdLoss::Ce)),
        ("pgd-margin", pgd(PgdLoss::Margin)),
        ("mi-fgsm", A::MiFgsm { steps: 10 }),
        ("apgd-ce", apgd(ApgdLoss::Ce)),
        ("apgd-dlr", apgd(ApgdLoss::Dlr)),
        ("apgd-margin", apgd(ApgdLoss::Margin)),
        ("apgd-t", A::ApgdT { steps, targets }),
        ("fab-t", A::FabT { steps, targets }),
        ("deepfool", A::DeepFool { steps: 50 }),
        (
            "carlini-wagner",
            A::CarliniWagner {
                steps: 1000,
                searches: 9,
            },
        ),
        ("square", A::Square { queries: 5000 }),
        (
            "spsa",
            A::Spsa {
                steps: 100,
                samples: 128,
            },
        ),
        ("hop-skip-jump", A::HopSkipJump { queries: 5000 }),
        ("noise", A::Noise { queries: 100 }),
        ("transfer", A::Transfer { steps: 50 }),
    ]
};

/// What decides, besides its settings, what an attack can do.
#[derive(Clone, Copy)]
pub struct Circumstances<'a> {
    /// How far it may go.
    pub threat: ThreatModel,
    /// Number of classes.
    pub classes: usize,
    /// Another network whose gradients are used, for the attack that transfers.
    pub surrogate: Option<&'a dyn Differentiable>,
}

/// An attack that makes no sense where it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("use attack {attack}: {problem}")]
pub struct Unsuitable {
    /// Its name.
    pub attack: String,
    /// Why.
    pub problem: String,
}

impl AttackSettings {
    /// The attack with this name, with its defaults.
    pub fn named(name: &str) -> Option<Self> {
        let found = NAMED.iter().find(|(known, _)| *known == name)?;
        Some(found.1)
    }

    /// The name in [`NAMED`], with those parameters behind it that are not the defaults; PGD always says its number of steps.
    pub fn name(&self) -> String {
        let same = |(_, default): &&(&str, Self)| self.kind() == default.kind();
        let (name, default) = NAMED.iter().find(same).expect("all kinds are named");
        if let Self::Pgd { steps, loss, .. } = self {
            return match loss {
                PgdLoss::Ce => format!("pgd{steps}"),
                PgdLoss::Margin => format!("pgd{steps}-margin"),
            };
        }
        let defaults = default.parameters();
        let changed = self.parameters().into_iter().zip(defaults);
        let changed: Vec<String> = changed
            .filter(|((_, value), (_, default))| value != default)
            .map(|((parameter, value), _)| format!("{parameter}={value}"))
            .collect();
        if changed.is_empty() {
            (*name).to_owned()
        } else {
            format!("{name}({})", changed.join(","))
        }
    }

    /// What does not change with the numbers: variant and loss.
    fn kind(
        &self,
    ) -> (
        std::mem::Discriminant<Self>,
        Option<PgdLoss>,
        Option<ApgdLoss>,
    ) {
        let (pgd, apgd) = match *self {
            Self::Pgd { loss, .. } => (Some(loss), None),
            Self::Apgd { loss, .. } => (None, Some(loss)),
            _ => (None, None),
        };
        (std::mem::discriminant(self), pgd, apgd)
    }

    /// The numbers among its parameters, by name.
    pub fn parameters(&self) -> Vec<(String, u64)> {
        let value = serde_json::to_value(self).expect("plain data");
        let Some(fields) = value
            .as_object()
            .and_then(|o| o.values().next()?.as_object())
        else {
            return Vec::new();
        };
        let number = |(name, value): (&String, &Value)| Some((name.clone(), value.as_u64()?));
        fields.iter().filter_map(number).collect()
    }

    /// The same attack with another value for one of its [`parameters`](Self::parameters); none if it has no such parameter.
    pub fn with(&self, parameter: &str, value: u64) -> Option<Self> {
        let mut settings = serde_json::to_value(self).expect("plain data");
        let fields = settings.as_object_mut()?.values_mut().next()?;
        let field = fields.as_object_mut()?.get_mut(parameter)?;
        *field = value.into();
        serde_json::from_value(settings).ok()
    }

    /// The first parameter that cannot be used.
    pub fn problem(&self) -> Option<String> {
        let mut parameters = self.parameters().into_iter();
        let (parameter, _) = parameters.find(|(_, value)| *value == 0)?;
        Some(format!("{parameter}: must be at least 1"))
    }

    /// The attack.
    ///
    /// # Errors
    /// If it does not know the norm, needs more classes, or has to have a surrogate.
    pub fn attack<'a>(&self, at: &Circumstances<'a>) -> Result<NamedAttack<'a>, Unsuitable> {
        let threat = at.threat;
        let unsuitable = |problem: String| {
            Err(Unsuitable {
                attack: self.name(),
                problem,
            })
        };
        let least_classes = match self {
            Self::Apgd {
                loss: ApgdLoss::Dlr,
                ..
            } => 3,
            Self::ApgdT { .. } => 4,
            _ => 2,
        };
        if at.classes < least_classes {
            return unsuitable(format!(
                "it needs at least {least_classes} classes, and there are {}; apgd-margin needs 2",
                at.classes
            ));
        }
        let classes = at.classes;
        let (budget, method) = match *self {
            Self::Fgsm => (1, Method::Gradients(Box::new(Fgsm { threat }))),
            Self::Pgd {
                steps,
                restarts,
                loss,
            } => {
                let attack = Pgd {
                    restarts,
                    loss,
                    until_turned: true,
                    ..Pgd::new(threat, steps)
                };
                (attack.budget(), Method::Gradients(Box::new(attack)))
            }
            Self::MiFgsm { steps } => {
                let attack = MiFgsm::new(threat, steps);
                (attack.budget(), Method::Gradients(Box::new(attack)))
            }
            Self::Apgd {
                loss,
                steps,
                restarts,
            } => {
                let attack = Apgd {
                    threat,
                    steps,
                    restarts,
                    loss,
                };
                (attack.budget(), Method::Gradients(Box::new(attack)))
            }
            Self::ApgdT { steps, targets } => {
                let attack = ApgdT {
                    threat,
                    steps,
                    targets,
                };
                let budget = attack.budget(classes);
                (budget, Method::Gradients(Box::new(attack)))
            }
            Self::FabT { steps, targets } => {
                let attack = FabT {
                    threat,
                    steps,
                    targets,
                };
                let budget = attack.budget(classes);
                (budget, Method::Gradients(Box::new(attack)))
            }
            Self::DeepFool { steps } => {
                let attack = DeepFool { threat, steps };
                let budget = attack.budget(classes);
                (budget, Method::Gradients(Box::new(attack)))
            }
            Self::CarliniWagner { steps, searches } => {
                if threat.norm != Norm::L2 {
                    return unsuitable("it is an L2 attack; add --norm l2".to_owned());
                }
                let attack = CarliniWagner {
                    threat,
                    steps,
                    searches,
                };
                (attack.budget(), Method::Gradients(Box::new(attack)))
            }
            Self::Square { queries } => {
                let attack = Square { threat, queries };
                (attack.budget(), Method::Logits(Box::new(attack)))
            }
            Self::Spsa { steps, samples } => {
                let attack = Spsa {
                    threat,
                    steps,
                    samples,
                };
                (attack.budget(), Method::Logits(Box::new(attack)))
            }
            Self::HopSkipJump { queries } => {
                let attack = HopSkipJump { threat, queries };
                (attack.budget(), Method::Decisions(Box::new(attack)))
            }
            Self::Noise { queries } => {
                let attack = Noise { threat, queries };
                (attack.budget(), Method::Decisions(Box::new(attack)))
            }
            Self::Transfer { steps } => {
                let Some(surrogate) = at.surrogate else {
                    return unsuitable(
                        "it needs the gradients of another network; add --surrogate FILE"
                            .to_owned(),
                    );
                };
                let attack = Transfer {
                    surrogate,
                    attack: Pgd::new(threat, steps),
                };
                (attack.budget(), Method::Decisions(Box::new(attack)))
            }
        };
        Ok(NamedAttack {
            name: self.name(),
            budget,
            method,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_differs_from_the_defaults() {
        let name = |name: &str, parameter, value| {
            let attack = AttackSettings::named(name).unwrap();
            attack.with(parameter, value).unwrap().name()
        };
        assert_eq!(name("apgd-ce", "steps", 100), "apgd-ce");
        assert_eq!(name("apgd-dlr", "restarts", 5), "apgd-dlr(restarts=5)");
        assert_eq!(name("square", "queries", 200), "square(queries=200)");
        assert_eq!(name("pgd", "steps", 50), "pgd50");
        assert_eq!(name("pgd-margin", "restarts", 9), "pgd20-margin");
        for (name, settings) in NAMED {
            let expected = name.replace(
                "pgd",
                if name.starts_with("pgd") {
                    "pgd20"
                } else {
                    "pgd"
                },
            );
            assert_eq!(settings.name(), expected);
            assert_eq!(AttackSettings::named(name), Some(settings));
            // Recipes spell it as the command line does, but for the loss, which is a parameter there.
            let written = serde_json::to_value(settings).unwrap();
            let variant = match &written {
                Value::Object(fields) => fields.keys().next().unwrap(),
                written => written.as_str().unwrap(),
            };
            assert!(name.starts_with(variant), "{name} and {variant}");
        }
    }

    #[test]
    fn parameters_that_an_attack_does_not_have_cannot_be_set() {
        let fgsm = AttackSettings::named("fgsm").unwrap();
        assert!(fgsm.parameters().is_empty());
        assert_eq!(fgsm.with("steps", 3), None);
        let square = AttackSettings::named("square").unwrap();
        assert_eq!(square.with("steps", 3), None);
        let none = square.with("queries", 0).unwrap();
        assert!(none.problem().unwrap().contains("queries"));
        assert_eq!(square.problem(), None);
    }

    #[test]
    fn attacks_that_make_no_sense_are_refused() {
        let at = |threat, classes| Circumstances {
            threat,
            classes,
            surrogate: None,
        };
        let refused = |name, at: &Circumstances<'_>| {
            let settings = AttackSettings::named(name).unwrap();
            settings.attack(at).err().map(|error| error.to_string())
        };
        let linf = ThreatModel::linf(0.1);
        let few = refused("apgd-t", &at(linf, 3)).unwrap();
        assert!(few.contains("at least 4 classes"), "{few}");
        assert!(refused("apgd-dlr", &at(linf, 2)).is_some());
        assert_eq!(refused("apgd-dlr", &at(linf, 3)), None);
        assert!(
            refused("carlini-wagner", &at(linf, 10))
                .unwrap()
                .contains("L2")
        );
        assert_eq!(
            refused("carlini-wagner", &at(ThreatModel::l2(1.0), 10)),
            None
        );
        assert!(
            refused("transfer", &at(linf, 10))
                .unwrap()
                .contains("--surrogate")
        );
    }
}

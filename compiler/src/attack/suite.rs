//! Suites: which attacks, in which order, each on the survivors of those before it.

use serde::{Deserialize, Serialize};

use super::{ApgdLoss, AttackSettings, Norm, PgdLoss, ThreatModel};

/// A list of attacks under one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Suite {
    /// A look in a minute or two. Its figure is too high to be quoted.
    Quick,
    /// AutoAttack's standard version (Croce and Hein, 2020): APGD-CE, APGD-T, FAB-T, Square.
    Standard,
    /// Standard, and then everything else there is.
    Full,
}

impl Suite {
    /// The suite's attacks. `surrogate` says whether there is a network to transfer from.
    pub fn attacks(
        self,
        threat: ThreatModel,
        classes: usize,
        surrogate: bool,
    ) -> Vec<AttackSettings> {
        use AttackSettings as A;
        let transfer = surrogate.then_some(A::Transfer { steps: 50 });
        let mut attacks = match self {
            Self::Quick => vec![
                A::Apgd {
                    loss: ApgdLoss::Ce,
                    steps: 20,
                    restarts: 1,
                },
                targeted(classes, 20, 3),
                A::Square { queries: 200 },
            ],
            Self::Standard | Self::Full => vec![
                A::Apgd {
                    loss: ApgdLoss::Ce,
                    steps: 100,
                    restarts: 1,
                },
                targeted(classes, 100, 9),
                A::FabT {
                    steps: 100,
                    targets: 9,
                },
                A::Square { queries: 5000 },
            ],
        };
        if self == Self::Full {
            attacks.extend([
                A::Fgsm,
                A::MiFgsm { steps: 10 },
                A::Pgd {
                    steps: 100,
                    restarts: 5,
                    loss: PgdLoss::Ce,
                },
                A::Pgd {
                    steps: 100,
                    restarts: 5,
                    loss: PgdLoss::Margin,
                },
                A::DeepFool { steps: 50 },
            ]);
            if threat.norm == Norm::L2 {
                attacks.push(A::CarliniWagner {
                    steps: 1000,
                    searches: 9,
                });
            }
            attacks.extend([
                A::Spsa {
                    steps: 100,
                    samples: 128,
                },
                A::HopSkipJump { queries: 5000 },
                A::Noise { queries: 100 },
            ]);
        }
        // What transfers goes before what searches blindly, as gradients of another network are worth more than none.
        let square = attacks.iter().position(|a| matches!(a, A::Square { .. }));
        let square = square.expect("in every suite");
        attacks.splice(square..square, transfer);
        attacks
    }
}

/// APGD-T; where there are too few classes for its loss, what its authors' code advises: the untargeted DLR for three, the bare margin
/// for two.
fn targeted(classes: usize, steps: usize, targets: usize) -> AttackSettings {
    let loss = match classes {
        4.. => return AttackSettings::ApgdT { steps, targets },
        3 => ApgdLoss::Dlr,
        _ => ApgdLoss::Margin,
    };
    AttackSettings::Apgd {
        loss,
        steps,
        restarts: 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(suite: Suite, threat: ThreatModel, classes: usize, surrogate: bool) -> Vec<String> {
        let attacks = suite.attacks(threat, classes, surrogate);
        attacks.iter().map(AttackSettings::name).collect()
    }

    #[test]
    fn the_standard_suite_is_the_published_one() {
        let threat = ThreatModel::linf(0.1);
        let standard = |classes| names(Suite::Standard, threat, classes, false);
        assert_eq!(standard(10), ["apgd-ce", "apgd-t", "fab-t", "square"]);
        assert_eq!(standard(4), ["apgd-ce", "apgd-t", "fab-t", "square"]);
        assert_eq!(standard(3), ["apgd-ce", "apgd-dlr", "fab-t", "square"]);
        assert_eq!(standard(2), ["apgd-ce", "apgd-margin", "fab-t", "square"]);
        let with_surrogate = names(Suite::Standard, threat, 10, true);
        assert_eq!(
            with_surrogate,
            ["apgd-ce", "apgd-t", "fab-t", "transfer", "square"]
        );
    }

    #[test]
    fn the_full_suite_holds_every_attack_that_the_norm_allows() {
        let linf = names(Suite::Full, ThreatModel::linf(0.1), 10, true);
        let l2 = names(Suite::Full, ThreatModel::l2(1.0), 10, true);
        for (name, _) in super::super::NAMED {
            // Variants of the loss that a suite has in another form.
            if name == "apgd-dlr" || name == "apgd-margin" {
                continue;
            }
            let begins = |known: &String| known.starts_with(name.trim_end_matches("-margin"));
            assert_eq!(linf.iter().any(begins), name != "carlini-wagner", "{name}");
            assert!(l2.iter().any(begins), "{name}");
        }
    }
}

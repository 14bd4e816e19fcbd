//! A comparison's figures: per recipe and sparsity a block, per method a row, each figure with its spread over seeds.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::jobs::Failed;
use super::paired::{deviation, mcnemar, mean, student_interval};
use super::{Plan, PlannedRun};
use crate::attack::Norm;
use crate::evaluate::Evaluation;
use crate::pipeline::{NetworkRecord, RunRecord};
use crate::recipe::{Recipe, SuiteSettings};
use crate::train::EpochRecord;

/// All figures. Accuracies are in [0, 1].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Version of the tool.
    pub version: String,
    /// The method that the others are tested against.
    pub reference: String,
    /// One for each recipe and sparsity that has a finished run.
    pub blocks: Vec<Block>,
    /// Runs that came to no end, and are missing above.
    pub failed: Vec<Failed>,
}

/// Methods under equal conditions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Block {
    /// Name of the recipe.
    pub recipe: String,
    /// Its network.
    pub network: String,
    /// Its data.
    pub data: String,
    /// Fraction that is removed.
    pub sparsity: f64,
    /// Of the threat model.
    pub norm: Norm,
    /// Radius of the ball in units of [0, 1] pixels.
    pub epsilon: f32,
    /// Test images under each attack.
    pub samples: usize,
    /// The suite and its test images.
    pub suite: Option<SuiteSettings>,
    /// What robust accuracies are compared under: the suite, or the last attack.
    pub compared_under: String,
    /// Of the fine-tuning, the same for all.
    pub budget: Budget,
    /// The dense parents first, then the methods in their order.
    pub rows: Vec<Row>,
}

/// What a fine-tuning run may spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Budget {
    /// Passes over the training images, at most.
    pub epochs: usize,
    /// Training images of each.
    pub images: usize,
    /// Gradients of the attack on each.
    pub attack_steps: usize,
}

/// One method's figures over all seeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Its name, or `dense`.
    pub method: String,
    /// The seeds that are finished; values stand in their order.
    pub seeds: Vec<u64>,
    /// Fraction of zeros among the weights.
    pub sparsity: Summary,
    /// Size of the packed file.
    pub bytes: Summary,
    /// On clean test images.
    pub clean: Summary,
    /// Under each attack alone, on test images.
    pub attacks: Vec<AttackSummary>,
    /// Under all attacks of the suite, on its test images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suite: Option<Summary>,
    /// Of the epoch that was kept, on clean validation images. Choices are made by these two alone.
    pub validation_clean: Summary,
    /// The same under PGD.
    pub validation_robust: Summary,
    /// Beside the reference, where that is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against_reference: Option<Paired>,
}

/// Accuracy under one attack.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttackSummary {
    /// Its name.
    pub name: String,
    /// Under it alone.
    pub robust_accuracy: Summary,
}

/// One figure over seeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The mean.
    pub mean: f64,
    /// The sample standard deviation; none of one value.
    pub deviation: Option<f64>,
    /// One for each seed.
    pub values: Vec<f64>,
}

/// A method beside the reference, on the seeds that both have finished.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Paired {
    /// Robust accuracy minus the reference's, seed by seed.
    pub difference: Summary,
    /// 95 % confidence interval of the mean difference, of the paired t-test over seeds; none of one seed, or if all differ
    /// by the same.
    pub interval: Option<[f64; 2]>,
    /// Test images, over all seeds, that this method has right under attack and the reference has not.
    pub better: usize,
    /// The other way round.
    pub worse: usize,
    /// Of McNemar's exact test on these images (two-sided). It knows of the images and not of the seeds: that one network is better than
    /// another does not say that one method is.
    pub mcnemar: f64,
}

impl Comparison {
    pub(super) fn new(
        plan: &Plan,
        records: &[Option<RunRecord>],
        reference: &str,
        failed: Vec<Failed>,
    ) -> Self {
        let mut blocks: Vec<(Key<'_>, Vec<Finished<'_>>)> = Vec::new();
        for (run, record) in plan.runs.iter().zip(records) {
            let Some(record) = record else { continue };
            let key = (run.origin.as_str(), run.recipe.prune.sparsity);
            match blocks.iter_mut().find(|(known, _)| *known == key) {
                Some((_, runs)) => runs.push((run, record)),
                None => blocks.push((key, vec![(run, record)])),
            }
        }
        let blocks = blocks.iter();
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            reference: reference.to_owned(),
            blocks: blocks.map(|(_, runs)| block(runs, reference)).collect(),
            failed,
        }
    }
}

type Key<'a> = (&'a str, f64);

type Finished<'a> = (&'a PlannedRun, &'a RunRecord);

/// One of a run's two networks, under the run's seed.
type Seeded<'a> = BTreeMap<u64, &'a NetworkRecord>;

fn block(runs: &[Finished<'_>], reference: &str) -> Block {
    let (run, record) = runs[0];
    let recipe = &run.recipe;
    let mut methods: Vec<(&str, Seeded<'_>)> = vec![("dense", Seeded::new())];
    for (run, record) in runs {
        let seed = run.recipe.seed;
        methods[0].1.insert(seed, &record.dense);
        match methods[1..]
            .iter_mut()
            .find(|(name, _)| *name == run.method)
        {
            Some((_, seeds)) => {
                seeds.insert(seed, &record.sparse);
            }
            None => methods.push((&run.method, Seeded::from([(seed, &record.sparse)]))),
        }
    }
    let beside = methods[1..].iter().find(|(name, _)| *name == reference);
    let rows = methods.iter().enumerate().map(|(number, (name, seeds))| {
        let paired = beside.filter(|_| number > 0 && *name != reference);
        Row {
            against_reference: paired.and_then(|(_, reference)| Paired::of(seeds, reference)),
            ..row(name, seeds)
        }
    });
    let evaluation = &record.sparse.evaluation;
    Block {
        recipe: run.origin.clone(),
        network: recipe.network.clone(),
        data: recipe.data.clone(),
        sparsity: recipe.prune.sparsity,
        norm: evaluation.norm,
        epsilon: evaluation.epsilon,
        samples: evaluation.samples,
        suite: suite(recipe, record),
        compared_under: compared_under(recipe, evaluation),
        budget: Budget {
            epochs: recipe.fine_tune.epochs,
            images: record.training_images,
            attack_steps: recipe.fine_tune.adversary.gradients(),
        },
        rows: rows.collect(),
    }
}

/// The suite, with the images that there were.
fn suite(recipe: &Recipe, record: &RunRecord) -> Option<SuiteSettings> {
    let suite = recipe.evaluate.suite?;
    let samples = record.sparse.suite.as_ref()?.samples;
    Some(SuiteSettings { samples, ..suite })
}

fn compared_under(recipe: &Recipe, evaluation: &Evaluation) -> String {
    match (recipe.evaluate.suite, evaluation.attacks.last()) {
        (Some(_), _) => "suite".to_owned(),
        (None, Some(attack)) => attack.name.clone(),
        (None, None) => "clean".to_owned(),
    }
}

fn row(method: &str, seeds: &Seeded<'_>) -> Row {
    let summary = |figure: &dyn Fn(&NetworkRecord) -> f64| {
        Summary::of(seeds.values().map(|network| figure(network)).collect())
    };
    let kept = |figure: &dyn Fn(&EpochRecord) -> f64| {
        let kept = seeds.values().filter_map(|n| EpochRecord::kept(&n.history));
        Summary::of(kept.map(figure).collect())
    };
    let first = seeds.values().next().expect("a row has a run");
    let attacks = first.evaluation.attacks.iter().enumerate();
    let suites = seeds
        .values()
        .map(|n| Some(n.suite.as_ref()?.robust_accuracy));
    Row {
        method: method.to_owned(),
        seeds: seeds.keys().copied().collect(),
        sparsity: summary(&|n| n.sparsity),
        bytes: summary(&|n| n.bytes as f64),
        clean: summary(&|n| n.evaluation.clean_accuracy),
        attacks: attacks
            .map(|(index, attack)| AttackSummary {
                name: attack.name.clone(),
                robust_accuracy: summary(&|n| n.evaluation.attacks[index].robust_accuracy),
            })
            .collect(),
        suite: suites.collect::<Option<Vec<f64>>>().map(Summary::of),
        validation_clean: kept(&|epoch| epoch.clean_accuracy),
        validation_robust: kept(&|epoch| epoch.robust_accuracy),
        against_reference: None,
    }
}

impl Summary {
    /// Of these values.
    pub(crate) fn of(values: Vec<f64>) -> Self {
        Self {
            mean: mean(&values),
            deviation: deviation(&values),
            values,
        }
    }
}

impl Paired {
    /// None if there is no seed that both have.
    fn of(method: &Seeded<'_>, reference: &Seeded<'_>) -> Option<Self> {
        let (mut differences, mut better, mut worse) = (Vec::new(), 0, 0);
        for (seed, network) in method {
            let Some(other) = reference.get(seed) else {
                continue;
            };
            let (samples, wrong) = failures(network);
            let (_, wrong_there) = failures(other);
            better += wrong_there.difference(&wrong).count();
            worse += wrong.difference(&wrong_there).count();
            let difference = wrong_there.len() as f64 - wrong.len() as f64;
            differences.push(difference / samples as f64);
        }
        let interval = student_interval(&differences);
        (!differences.is_empty()).then(|| Self {
            difference: Summary::of(differences),
            interval,
            better,
            worse,
            mcnemar: mcnemar(better, worse),
        })
    }
}

/// How many images were compared on, and which of them the network has wrong: by itself, or under the suite, else under the last attack.
fn failures(network: &NetworkRecord) -> (usize, BTreeSet<usize>) {
    let (evaluation, attacks) = match &network.suite {
        Some(suite) => (suite, suite.attacks.as_slice()),
        None => {
            let attacks = &network.evaluation.attacks;
            let last = attacks.len().saturating_sub(1);
            (&network.evaluation, &attacks[last..])
        }
    };
    let turned = attacks.iter().flat_map(|attack| &attack.turned);
    let wrong = evaluation.misclassified.iter().chain(turned);
    (evaluation.samples, wrong.copied().collect())
}

#[cfg(test)]
mod tests;

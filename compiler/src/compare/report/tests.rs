//! Figures put together from runs that never were.

use super::*;
use crate::attack::AttackSettings;
use crate::compare::{Variations, methods};
use crate::evaluate::{AttackResult, wilson};
use crate::pipeline::Provenance;

const SAMPLES: usize = 10;

/// An evaluation on ten images, of which `misclassified` are wrong, with one attack for each entry of `turned`.
fn evaluation(seed: u64, misclassified: &[usize], turned: &[&[usize]]) -> Evaluation {
    let classified = SAMPLES - misclassified.len();
    let fraction = |count: usize| count as f64 / SAMPLES as f64;
    let attacks = turned.iter().enumerate().map(|(number, turned)| {
        let left = classified - turned.len();
        AttackResult {
            name: format!("attack{number}"),
            robust_accuracy: fraction(left),
            robust_interval: wilson(left, SAMPLES),
            alone: true,
            attacked: classified,
            turned: turned.to_vec(),
            queries: 1.0,
            budget: 1,
            seconds: 0.0,
        }
    });
    let all: BTreeSet<&usize> = turned.iter().copied().flatten().collect();
    Evaluation {
        norm: Norm::Linf,
        epsilon: 0.1,
        samples: SAMPLES,
        seed,
        clean_accuracy: fraction(classified),
        clean_interval: wilson(classified, SAMPLES),
        robust_accuracy: fraction(classified - all.len()),
        robust_interval: wilson(classified - all.len(), SAMPLES),
        misclassified: misclassified.to_vec(),
        attacks: attacks.collect(),
    }
}

fn network(evaluation: Evaluation, suite: Option<Evaluation>) -> NetworkRecord {
    let epoch = |robust_accuracy, settled| EpochRecord {
        loss: 1.0,
        training_accuracy: 0.5,
        clean_accuracy: 0.5 + robust_accuracy / 2.0,
        robust_accuracy,
        settled,
    };
    NetworkRecord {
        parameters: 100,
        sparsity: 0.9,
        bytes: 1000,
        history: vec![epoch(0.9, false), epoch(0.6, true), epoch(0.4, true)],
        evaluation,
        suite,
    }
}

fn plan(attacks: usize, seeds: u64) -> Plan {
    let text = include_str!("../../../../models/recipes/demo.toml");
    let mut recipe = Recipe::parse(text, "demo").unwrap();
    recipe.evaluate.attacks = vec![AttackSettings::Fgsm; attacks];
    let variations = Variations {
        methods: methods("magnitude,lamp").unwrap(),
        sparsities: Vec::new(),
        seeds,
    };
    Plan::new(&[("demo".to_owned(), recipe)], &variations).unwrap()
}

fn record(run: &PlannedRun, sparse: NetworkRecord) -> RunRecord {
    let dense = network(evaluation(run.recipe.seed, &[], &[&[], &[9]]), None);
    RunRecord {
        provenance: Provenance {
            version: String::new(),
            recipe: run.recipe.clone(),
            device: String::new(),
            network: None,
            train_data: String::new(),
            test_data: String::new(),
        },
        training_images: 9500,
        dense,
        sparse,
    }
}

#[test]
fn differences_are_paired_by_seed_and_by_image() {
    let plan = plan(2, 2);
    // Wrong under the last attack, magnitude: {0, 1, 2} and {0, 5}; lamp: {0, 3} and {0}.
    let networks = [
        evaluation(0, &[0], &[&[7, 8], &[1, 2]]),
        evaluation(1, &[0], &[&[], &[5]]),
        evaluation(0, &[3], &[&[1], &[0]]),
        evaluation(1, &[], &[&[2, 3, 4], &[0]]),
    ];
    let networks = networks.map(|evaluation| network(evaluation, None));
    let records = plan.runs.iter().zip(networks);
    let mut records: Vec<_> = records.map(|(run, n)| Some(record(run, n))).collect();
    let comparison = Comparison::new(&plan, &records, "magnitude", Vec::new());
    let block = &comparison.blocks[0];
    assert_eq!(block.compared_under, "attack1");
    let budget = Budget {
        epochs: 3,
        images: 9500,
        attack_steps: 1,
    };
    assert_eq!(block.budget, budget);
    let methods: Vec<&str> = block.rows.iter().map(|row| row.method.as_str()).collect();
    assert_eq!(methods, ["dense", "magnitude", "lamp"]);
    assert!(
        block.rows[..2]
            .iter()
            .all(|r| r.against_reference.is_none())
    );
    let lamp = &block.rows[2];
    assert_eq!(lamp.seeds, [0, 1]);
    assert_eq!(lamp.attacks[1].robust_accuracy.values, [0.8, 0.9]);
    // The most robust epoch of those that were settled.
    assert_eq!(lamp.validation_robust.values, [0.6, 0.6]);
    assert_eq!(lamp.validation_clean.mean, 0.8);
    let paired = lamp.against_reference.as_ref().unwrap();
    assert_eq!(paired.difference.values, [0.1, 0.1]);
    assert_eq!((paired.better, paired.worse), (3, 1));
    // 2 · (1 + 4) / 2⁴.
    assert_eq!(paired.mcnemar, 0.625);

    // Only the seed that both have counts.
    records[1] = None;
    let comparison = Comparison::new(&plan, &records, "magnitude", Vec::new());
    let lamp = &comparison.blocks[0].rows[2];
    assert_eq!(lamp.seeds, [0, 1]);
    let paired = lamp.against_reference.as_ref().unwrap();
    assert_eq!((paired.better, paired.worse), (2, 1));
    assert_eq!((paired.difference.deviation, paired.interval), (None, None));
}

#[test]
fn a_suite_counts_more_than_the_attacks() {
    let mut plan = plan(1, 1);
    for run in &mut plan.runs {
        run.recipe.evaluate.suite = Some(SuiteSettings {
            name: crate::attack::Suite::Quick,
            samples: 1000,
        });
    }
    // In a suite every attack sees what those before it have left.
    let suites = [
        evaluation(0, &[0], &[&[1], &[2, 3]]),
        evaluation(0, &[0], &[&[], &[2]]),
    ];
    let records: Vec<_> = plan
        .runs
        .iter()
        .zip(suites)
        .map(|(run, suite)| {
            let alone = evaluation(0, &[0], &[&[]]);
            let mut record = record(run, network(alone.clone(), Some(suite.clone())));
            record.dense = network(alone, Some(suite));
            Some(record)
        })
        .collect();
    let comparison = Comparison::new(&plan, &records, "magnitude", Vec::new());
    let block = &comparison.blocks[0];
    assert_eq!(block.compared_under, "suite");
    assert_eq!(block.suite.unwrap().samples, SAMPLES);
    let lamp = &block.rows[2];
    assert_eq!(lamp.suite.as_ref().unwrap().values, [0.8]);
    let paired = lamp.against_reference.as_ref().unwrap();
    assert_eq!((paired.better, paired.worse), (2, 0));
    assert_eq!(paired.difference.values, [0.2]);
}

//! Whether attacks that see or try more achieve more.

use super::{Bench, Check, check};
use crate::attack::{ApgdLoss, AttackSettings, PgdLoss};
use crate::evaluate::{EvaluateError, Evaluation};

const PGD: AttackSettings = AttackSettings::Pgd {
    steps: 20,
    restarts: 1,
    loss: PgdLoss::Ce,
};

/// APGD on the margin, which every number of classes allows and no scale of the logits drowns.
const fn apgd(loss: ApgdLoss, steps: usize, restarts: usize) -> AttackSettings {
    AttackSettings::Apgd {
        loss,
        steps,
        restarts,
    }
}

/// Enough to tell whether random search sees what gradients do not.
const SQUARE: AttackSettings = AttackSettings::Square { queries: 500 };

/// More points than this that Square takes from a robust accuracy are a sign, says AutoAttack.
const SQUARE_DROP: f64 = 0.2;

/// An attack without room turns nothing.
pub(super) fn nothing_at_zero(bench: &mut Bench<'_>) -> Result<Check, EvaluateError> {
    let turned = bench.turned(&apgd(ApgdLoss::Ce, 20, 1), 0.0)?.len();
    let meaning = if turned == 0 {
        "the accuracy at ε = 0 is the clean one"
    } else {
        "clean and attacked images are not judged alike"
    };
    Ok(check(
        "clean-at-epsilon-zero",
        turned == 0,
        format!(
            "{turned} of {} classified images turned by ε = 0: {meaning}",
            bench.images.len()
        ),
    ))
}

/// PGD turns at least what FGSM does.
pub(super) fn iterations(bench: &mut Bench<'_>) -> Result<Check, EvaluateError> {
    let single = bench.turned_here(&AttackSettings::Fgsm)?;
    let iterated = bench.turned_here(&PGD)?;
    let missed = missed(&single, &iterated);
    let passed = missed <= bench.few();
    let meaning = if passed {
        "iterating helps, as it should"
    } else {
        "gradients lead iterated attacks astray"
    };
    Ok(check(
        "iterations-help",
        passed,
        format!(
            "FGSM turns {}, PGD-20 {} of {} images, {missed} by FGSM alone: {meaning}",
            single.len(),
            iterated.len(),
            bench.images.len()
        ),
    ))
}

/// Twice the steps change little.
pub(super) fn more_steps(bench: &mut Bench<'_>) -> Result<Check, EvaluateError> {
    let fewer = bench.turned_here(&apgd(ApgdLoss::Ce, 100, 1))?.len();
    let more = bench.turned_here(&apgd(ApgdLoss::Ce, 200, 1))?.len();
    Ok(changes_little(
        bench,
        "more-steps",
        "twice the steps of APGD-CE",
        fewer,
        more,
    ))
}

/// More restarts change little.
pub(super) fn more_restarts(bench: &mut Bench<'_>) -> Result<Check, EvaluateError> {
    let fewer = bench.turned_here(&apgd(ApgdLoss::Ce, 100, 1))?.len();
    let more = bench.turned_here(&apgd(ApgdLoss::Ce, 100, 3))?.len();
    Ok(changes_little(
        bench,
        "more-restarts",
        "three restarts of APGD-CE",
        fewer,
        more,
    ))
}

fn changes_little(bench: &Bench<'_>, name: &str, what: &str, fewer: usize, more: usize) -> Check {
    let change = more.abs_diff(fewer);
    let passed = change <= 2 * bench.few();
    let meaning = if passed {
        "the attack has converged"
    } else {
        "the attack has not converged, and the accuracy is too high"
    };
    check(
        name,
        passed,
        format!(
            "{what} turn {more} images instead of {fewer}, a change of {:.1} points: {meaning}",
            bench.percent(change)
        ),
    )
}

/// Random search turns nothing that gradients do not.
pub(super) fn black_box(bench: &mut Bench<'_>) -> Result<Check, EvaluateError> {
    let black = bench.turned_here(&SQUARE)?;
    let white = white_box(bench)?;
    let missed = missed(&black, &white);
    let passed = missed <= 2 * bench.few();
    let meaning = if passed {
        "gradients find what can be found"
    } else {
        "gradients hide what random search finds"
    };
    Ok(check(
        "black-box-not-stronger",
        passed,
        format!(
            "Square with 500 queries turns {} of {} images, {missed} that gradient attacks do not: {meaning}",
            black.len(),
            bench.images.len()
        ),
    ))
}

/// Examples made on another network turn nothing that the network's own gradients do not.
pub(super) fn transfer(bench: &mut Bench<'_>) -> Result<Check, EvaluateError> {
    let transferred = bench.turned_here(&AttackSettings::Transfer { steps: 50 })?;
    let white = white_box(bench)?;
    let missed = missed(&transferred, &white);
    let passed = missed <= bench.few();
    let meaning = if passed {
        "its own gradients are the better ones"
    } else {
        "another network's gradients are better than its own, which must be masked"
    };
    Ok(check(
        "transfer-not-stronger",
        passed,
        format!(
            "examples of the surrogate turn {} of {} images, {missed} that its own do not: {meaning}",
            transferred.len(),
            bench.images.len()
        ),
    ))
}

/// What any of a few gradient attacks turns.
fn white_box(bench: &mut Bench<'_>) -> Result<Vec<usize>, EvaluateError> {
    let mut all = Vec::new();
    for attack in [
        AttackSettings::Fgsm,
        PGD,
        apgd(ApgdLoss::Ce, 100, 1),
        apgd(ApgdLoss::Margin, 100, 1),
    ] {
        all.extend(bench.turned_here(&attack)?);
    }
    Ok(all)
}

/// How many images one attack turned and the others did not.
fn missed(turned: &[usize], by_others: &[usize]) -> usize {
    let missed = turned.iter().filter(|index| !by_others.contains(index));
    missed.count()
}

/// Square, last of the suite, takes little from what the others left. There is no such check unless others went before it.
pub(super) fn square_drop(evaluation: &Evaluation) -> Option<Check> {
    let square = |name: &str| name.starts_with("square");
    let result = evaluation
        .attacks
        .iter()
        .find(|a| square(&a.name) && !a.alone)?;
    let points = 100.0 * result.turned.len() as f64 / evaluation.samples.max(1) as f64;
    let passed = points <= SQUARE_DROP + 1e-9;
    let meaning = if passed {
        "gradients had found what can be found"
    } else {
        "random search should find nothing that gradients have missed"
    };
    Some(check(
        "square-drop",
        passed,
        format!("Square takes another {points:.1} points: {meaning}"),
    ))
}

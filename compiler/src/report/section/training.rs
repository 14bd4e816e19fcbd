//! How training went: loss and validation accuracies, epoch by epoch, before and after pruning.

use maud::{Markup, html};

use super::{legend, section};
use crate::report::chart::{Axis, Ink, Line, LineChart, Point, Scale};
use crate::report::run::Run;
use crate::train::EpochRecord;

pub(super) fn training(run: &Run) -> Markup {
    let stages = [&run.record.dense.history, &run.record.sparse.history];
    let steps = [&run.recipe().train, &run.recipe().fine_tune].map(|s| s.validation_steps);
    let loss = chart(stages, "mean adversarial loss", Scale::Plain, |e| e.loss);
    let clean = chart(stages, "validation accuracy, clean", Scale::Percent, |e| {
        e.clean_accuracy
    });
    let robust = chart(
        stages,
        "validation accuracy, attacked",
        Scale::Percent,
        |e| e.robust_accuracy,
    );
    let strength = if steps[0] == steps[1] {
        format!("PGD with {} steps", steps[0])
    } else {
        format!("PGD with {} steps, {} after pruning", steps[0], steps[1])
    };
    let note = format!(
        "Attacked: {strength}, L∞ ball of radius ε\u{a0}=\u{a0}{}, on validation images cut from the training data, seed\u{a0}{}. Large dots: the epochs \
         whose networks were kept.",
        run.recipe().epsilon,
        run.recipe().seed,
    );
    section(
        "Training",
        "Loss and accuracies after every epoch: of the dense network, then, right of the dashed line, of the pruned one.",
        &html! {
            (legend())
            div.charts {
                @for (title, chart) in [("Loss", loss), ("Clean", clean), ("Attacked", robust)] {
                    figure { h4 { (title) } (chart) }
                }
            }
            p.note { (note) }
        },
    )
}

/// One quantity over all epochs of both stages.
fn chart(
    stages: [&Vec<EpochRecord>; 2],
    title: &str,
    scale: Scale,
    quantity: fn(&EpochRecord) -> f64,
) -> Markup {
    let before = stages[0].len();
    let epochs = before + stages[1].len();
    let lines = [(Ink::Dense, 0), (Ink::Sparse, before)];
    let lines = lines
        .into_iter()
        .zip(stages)
        .map(|((ink, first), history)| {
            let best = best(history);
            let point = |(epoch, record): (usize, &EpochRecord)| Point {
                x: (first + epoch + 1) as f64,
                y: quantity(record),
                band: None,
                note: match scale {
                    Scale::Percent => format!(
                        "epoch {}: {:.1} %",
                        first + epoch + 1,
                        100.0 * quantity(record)
                    ),
                    _ => format!("epoch {}: {:.3}", first + epoch + 1, quantity(record)),
                },
                emphasis: best == Some(epoch),
            };
            Line {
                ink,
                points: history.iter().enumerate().map(point).collect(),
            }
        });
    let values = stages.into_iter().flatten().map(quantity);
    let chart = LineChart {
        title: title.to_owned(),
        x: Axis::new("epoch", Scale::Count, 1.0, epochs.max(2) as f64),
        y: Axis::over("", scale, values),
        lines: lines.collect(),
        marks: if before > 0 && epochs > before {
            vec![(before as f64 + 0.5, "pruned".to_owned())]
        } else {
            Vec::new()
        },
    };
    chart.draw()
}

/// The epoch that was kept: the last of those with the highest robust accuracy.
fn best(history: &[EpochRecord]) -> Option<usize> {
    let epochs = history.iter().enumerate();
    let best = epochs.max_by(|(_, a), (_, b)| a.robust_accuracy.total_cmp(&b.robust_accuracy));
    best.map(|(epoch, _)| epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_equal_epochs_the_last_was_kept() {
        let epochs = [0.2, 0.5, 0.5, 0.4].map(|robust_accuracy| EpochRecord {
            loss: 1.0,
            clean_accuracy: 0.9,
            robust_accuracy,
        });
        assert_eq!(best(&epochs), Some(2));
        assert_eq!(best(&[]), None);
    }
}

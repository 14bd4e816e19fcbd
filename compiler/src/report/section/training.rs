//! How training went: loss and accuracies, epoch by epoch, before pruning and under it.

use std::ptr;

use maud::{Markup, html};

use super::{legend, section};
use crate::report::chart::{Axis, Ink, Line, LineChart, Point, Scale};
use crate::report::run::Run;
use crate::train::{Adversary, EpochRecord};

/// The two stages' epochs.
type Histories<'a> = [&'a [EpochRecord]; 2];

pub(super) fn training(run: &Run) -> Markup {
    let histories = [&run.record.dense.history, &run.record.sparse.history].map(Vec::as_slice);
    let recipe = run.recipe();
    let settings = [&recipe.train, &recipe.fine_tune];
    let plain = settings.map(|settings| settings.adversary == Adversary::None);
    let loss = chart(histories, "mean loss", Scale::Plain, |e| e.loss, [false; 2]);
    let clean = chart(
        histories,
        "accuracy, clean",
        Scale::Percent,
        |e| e.clean_accuracy,
        plain,
    );
    let attacked = chart(
        histories,
        "accuracy, attacked",
        Scale::Percent,
        |e| e.robust_accuracy,
        plain.map(|plain| !plain),
    );
    let steps = settings.map(|settings| settings.validation_steps);
    let strength = if steps[0] == steps[1] {
        format!("PGD with {} steps", steps[0])
    } else {
        format!("PGD with {} steps, {} with pruning", steps[0], steps[1])
    };
    let note = format!(
        "Dots: validation images, cut from the training data; attacked by {strength}, L∞ ball of radius ε\u{a0}=\u{a0}{}, seed\u{a0}{}. Large dots: the \
         epochs whose networks were kept. Dashed: training images, as they were crafted to learn from.",
        recipe.epsilon, recipe.seed,
    );
    let falling = unsettled(histories[1]);
    section(
        "Training",
        "Loss and accuracies of every epoch: of the dense network, then, right of the upright line, of the one that is pruned.",
        &html! {
            (legend())
            div.charts {
                @for (title, chart) in [("Loss", loss), ("Clean", clean), ("Attacked", attacked)] {
                    figure { h4 { (title) } (chart) }
                }
            }
            p.note {
                (note)
                @if falling > 0 {
                    " Shaded: while density falls. No network of these epochs could be kept."
                }
            }
        },
    )
}

/// One quantity over all epochs of both stages; `with_training` says of which the accuracy on training images stands beside it.
fn chart(
    histories: Histories<'_>,
    title: &str,
    scale: Scale,
    quantity: fn(&EpochRecord) -> f64,
    with_training: [bool; 2],
) -> Markup {
    let before = histories[0].len();
    let epochs = before + histories[1].len();
    let stages = [(Ink::Dense, 0), (Ink::Sparse, before)];
    let mut lines = Vec::new();
    for ((ink, first), (history, training)) in stages
        .into_iter()
        .zip(histories.into_iter().zip(with_training))
    {
        let line = |dashed: bool, quantity: fn(&EpochRecord) -> f64| {
            let kept = EpochRecord::kept(history);
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
                emphasis: kept.is_some_and(|kept| ptr::eq(kept, record)),
            };
            Line {
                ink,
                dashed,
                points: history.iter().enumerate().map(point).collect(),
            }
        };
        lines.push(line(false, quantity));
        if training {
            lines.push(line(true, |epoch| epoch.training_accuracy));
        }
    }
    let values = lines.iter().flat_map(|line| &line.points).map(|p| p.y);
    let falling = unsettled(histories[1]);
    let chart = LineChart {
        title: title.to_owned(),
        x: Axis::new("epoch", Scale::Count, 1.0, epochs.max(2) as f64),
        y: Axis::over("", scale, values),
        marks: if before > 0 && epochs > before {
            vec![(before as f64 + 0.5, "pruning".to_owned())]
        } else {
            Vec::new()
        },
        shades: if falling > 0 {
            let from = before as f64 + 0.5;
            // Not beyond the last epoch, where the chart ends.
            let to = (from + falling as f64).min(epochs as f64);
            vec![([from.max(1.0), to], "density falls".to_owned())]
        } else {
            Vec::new()
        },
        lines,
    };
    chart.draw()
}

/// How many epochs passed before the network was as sparse as it was to be.
fn unsettled(history: &[EpochRecord]) -> usize {
    history.iter().take_while(|epoch| !epoch.settled).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(settled: &[bool]) -> Vec<EpochRecord> {
        let epoch = |settled: &bool| EpochRecord {
            loss: 1.0,
            training_accuracy: 0.8,
            clean_accuracy: 0.9,
            robust_accuracy: 0.5,
            settled: *settled,
        };
        settled.iter().map(epoch).collect()
    }

    fn drawn(settled: &[bool], training: bool) -> String {
        let (dense, sparse) = (epochs(&[true; 2]), epochs(settled));
        let quantity = |epoch: &EpochRecord| epoch.robust_accuracy;
        let chart = chart(
            [&dense, &sparse],
            "",
            Scale::Percent,
            quantity,
            [training; 2],
        );
        chart.into_string()
    }

    #[test]
    fn epochs_in_which_density_falls_are_shaded_and_none_of_them_stands_out() {
        let all = drawn(&[true, true], false);
        assert!(!all.contains("class=\"shade\""), "{all}");
        // Of equals the last was kept, in each stage.
        assert_eq!(all.matches("r=\"4.5\"").count(), 2);
        let late = drawn(&[false, true, true], false);
        // From epoch 2.5 to 3.5 of 1 to 5.
        assert!(
            late.contains("class=\"shade\" x=\"148.2\" y=\"8.0\" width=\"73.5\""),
            "{late}"
        );
        let never = drawn(&[false], false);
        assert_eq!(never.matches("r=\"4.5\"").count(), 1, "{never}");
    }

    #[test]
    fn training_accuracy_is_a_dashed_line() {
        let lines = |drawn: String| drawn.matches("dashed").count();
        assert_eq!(
            [false, true].map(|training| lines(drawn(&[true], training))),
            [0, 2]
        );
    }
}

//! Accuracy against ε, beside the summary.

use maud::{Markup, html};

use super::with_interval;
use crate::quantity::grouped;
use crate::report::chart::{Axis, Ink, Line, LineChart, Point, Scale};
use crate::report::curve::{Curve, CurvePoint, Share};

pub(super) fn accuracy(curve: &Curve) -> Markup {
    let line = |ink: Ink, share: fn(&CurvePoint) -> Share| Line {
        ink,
        dashed: false,
        points: curve
            .points
            .iter()
            .map(|point| {
                let Share { accuracy, interval } = share(point);
                Point {
                    x: f64::from(point.epsilon),
                    y: accuracy,
                    band: Some(interval),
                    note: format!("ε\u{a0}=\u{a0}{}: {:.1} %", point.epsilon, 100.0 * accuracy),
                    emphasis: false,
                }
            })
            .collect(),
    };
    let conditions = &curve.conditions;
    let largest = curve.points.iter().map(|p| f64::from(p.epsilon));
    let chart = LineChart {
        title: "accuracy of both networks at rising ε".to_owned(),
        x: Axis::new(
            "ε, radius of the ball",
            Scale::Plain,
            0.0,
            largest.fold(0.0, f64::max),
        ),
        y: Axis::new("", Scale::Percent, 0.0, 1.0),
        lines: vec![
            line(Ink::Dense, |p| p.dense),
            line(Ink::Sparse, |p| p.sparse),
        ],
        marks: Vec::new(),
        shades: Vec::new(),
    };
    let note = format!(
        "Threat model: {} ball of radius ε around pixels in [0, 1]. Attack: {}, of the packed models. First {} test images, seed\u{a0}{}. Bands: 95 % \
         confidence (Wilson). A quick attack on few images: a look, not a figure to quote.",
        conditions.norm.symbol(),
        conditions.attack,
        grouped(conditions.samples as u64),
        conditions.seed,
    );
    html! {
        div {
            h3.first { "Accuracy against ε" }
            figure { (chart.draw()) }
            p.note {
                "The pruned network is as robust as its parent where the lines lie in each other's bands; both must fall to nothing. " (note)
            }
            details {
                summary { "The figures" }
                div.scroll {
                    table {
                        thead { tr { th { "ε" } th.dense { "dense" } th.sparse { "pruned" } } }
                        tbody {
                            @for point in &curve.points {
                                tr {
                                    th { (point.epsilon) }
                                    td { (with_interval(point.dense.accuracy, point.dense.interval)) }
                                    td { (with_interval(point.sparse.accuracy, point.sparse.interval)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

//! Ticks, places, and what charts make of names and numbers that nobody expects.

use proptest::prelude::*;

use super::*;

fn point(x: f64, y: f64) -> Point {
    Point {
        x,
        y,
        band: None,
        note: format!("{x} & {y}"),
        emphasis: false,
    }
}

fn line(points: &[(f64, f64)]) -> LineChart {
    LineChart {
        title: "a <b> & \"c\"".to_owned(),
        x: Axis::over("x", Scale::Plain, points.iter().map(|point| point.0)),
        y: Axis::over("y", Scale::Plain, points.iter().map(|point| point.1)),
        lines: vec![Line {
            ink: Ink::Dense,
            dashed: false,
            points: points.iter().map(|(x, y)| point(*x, *y)).collect(),
        }],
        marks: Vec::new(),
        shades: Vec::new(),
    }
}

fn texts(axis: &Axis) -> Vec<String> {
    axis.ticks().into_iter().map(|(_, text)| text).collect()
}

#[test]
fn ticks_are_round_and_lie_on_the_axis() {
    let ticks = |scale, from, to| texts(&Axis::new("", scale, from, to));
    assert_eq!(
        ticks(Scale::Plain, 0.0, 1.0),
        ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
    );
    assert_eq!(
        ticks(Scale::Plain, -0.013, 0.021),
        [
            "−0.010", "−0.005", "0.000", "0.005", "0.010", "0.015", "0.020"
        ]
    );
    assert_eq!(
        ticks(Scale::Percent, 0.5, 0.9),
        ["50 %", "60 %", "70 %", "80 %", "90 %"]
    );
    assert_eq!(ticks(Scale::Count, 1.0, 3.0), ["1", "2", "3"]);
    assert_eq!(
        ticks(Scale::Plain, 0.0, 4000.0),
        ["0", "1000", "2000", "3000", "4000"]
    );
}

#[test]
fn an_axis_over_values_begins_and_ends_at_round_ones() {
    let axis = Axis::over("", Scale::Plain, [0.13, f64::NAN, 0.87]);
    assert_eq!(texts(&axis), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
    assert!((axis.position(0.5) - 0.5).abs() < 1e-12);
}

#[test]
fn axes_of_nothing_and_of_one_value_can_be_drawn() {
    for values in [vec![], vec![f64::NAN], vec![3.0], vec![0.0], vec![1e300]] {
        let axis = Axis::over("", Scale::Plain, values.iter().copied());
        assert!(axis.position(3.0).is_finite(), "{values:?}");
    }
    let axis = Axis::over("", Scale::Plain, [3.0]);
    assert_eq!(axis.position(3.0), 0.5);
    let axis = Axis::over("", Scale::Percent, [0.25, 0.25]);
    assert_eq!(axis.position(0.25), 0.25);
}

#[test]
fn lines_go_where_their_values_are() {
    let drawn = line(&[(0.0, 0.0), (1.0, 1.0)]).draw().into_string();
    // From the lower left corner of the plot to the upper right one.
    assert!(drawn.contains(r#"d="M38.0 156.0L332.0 8.0""#), "{drawn}");
}

#[test]
fn a_line_is_broken_where_a_value_is_missing() {
    let values = [(0.0, 0.0), (1.0, f64::NAN), (2.0, 1.0), (3.0, 1.0)];
    let drawn = line(&values).draw().into_string();
    assert_eq!(drawn.matches("class=\"line dense\"").count(), 2, "{drawn}");
    assert_eq!(drawn.matches("<circle").count(), 3);
    assert!(
        !drawn.contains("NaN\"") && !drawn.contains("inf\""),
        "{drawn}"
    );
}

#[test]
fn bands_go_around_their_line() {
    let mut chart = line(&[(0.0, 0.0), (1.0, 1.0)]);
    chart.lines[0].points[0].band = Some([0.0, 0.5]);
    assert!(!chart.draw().into_string().contains("band"));
    chart.lines[0].points[1].band = Some([0.5, 1.0]);
    let drawn = chart.draw().into_string();
    let outline = r#"d="M38.0 156.0L332.0 82.0L332.0 8.0L38.0 82.0Z""#;
    assert!(drawn.contains(outline), "{drawn}");
}

#[test]
fn shades_lie_between_their_ends_and_dashed_lines_have_no_dots() {
    let mut chart = line(&[(0.0, 0.0), (1.0, 1.0)]);
    chart.shades = vec![([0.5, 1.0], "why <so>".to_owned())];
    chart.lines[0].dashed = true;
    let drawn = chart.draw().into_string();
    let shade = r#"class="shade" x="185.0" y="8.0" width="147.0" height="148.0""#;
    assert!(
        drawn.contains(shade) && drawn.contains("why &lt;so&gt;"),
        "{drawn}"
    );
    assert!(
        drawn.contains("dashed") && !drawn.contains("<circle"),
        "{drawn}"
    );
}

#[test]
fn a_few_outliers_do_not_stretch_an_axis() {
    let mut values = vec![-1.0; 999];
    values.push(1e9);
    assert_eq!(reach(&values), 1.0);
    assert_eq!(reach(&[0.5, -2.0]), 2.0);
    assert_eq!(reach(&[f64::MAX, 0.5]), 0.5);
    assert_eq!(reach(&[]), 0.0);
}

#[test]
fn names_are_escaped() {
    let drawn = line(&[(0.0, 0.0), (1.0, 1.0)]).draw().into_string();
    assert!(drawn.contains("a &lt;b&gt; &amp; &quot;c&quot;"), "{drawn}");
    assert!(drawn.contains("0 &amp; 0"), "{drawn}");
    let note = "<script>".to_owned();
    let cell = Cell {
        strength: f64::NAN,
        note,
    };
    let drawn = strip("\"", &[cell]).into_string();
    assert!(
        !drawn.contains("<script>") && !drawn.contains("\"\"\""),
        "{drawn}"
    );
    assert!(drawn.contains("fill-opacity=\"0.000\""), "{drawn}");
}

#[test]
fn charts_of_nothing_say_so() {
    let histogram = Histogram {
        title: String::new(),
        label: "",
        dense: &[f64::NAN],
        sparse: &[],
        range: [0.0, 1.0],
    };
    let scatter = Scatter {
        title: String::new(),
        x: Axis::new("", Scale::Plain, 0.0, 1.0),
        y: Axis::new("", Scale::Plain, 0.0, 1.0),
        dots: Vec::new(),
    };
    for drawn in [
        line(&[]).draw(),
        line(&[(f64::INFINITY, 1.0)]).draw(),
        histogram.draw(),
        scatter.draw(),
    ] {
        assert!(drawn.into_string().contains("nothing to show"));
    }
}

#[test]
fn each_distribution_is_in_shares_of_its_own_values() {
    let histogram = Histogram {
        title: String::new(),
        label: "w",
        dense: &[0.0, 0.1, 0.9, 1.0, -7.0, f64::NAN, 0.1, 9.0],
        sparse: &[1.0],
        range: [0.0, 1.0],
    };
    // Rice's rule gives seven values four bins. What is beyond an end is in its bin.
    let drawn = histogram.draw().into_string();
    assert_eq!(drawn.matches("<title>").count(), 4);
    assert!(drawn.contains("w 0.000 to 0.250: dense 57.1 %, pruned 0.0 %"));
    assert!(drawn.contains("w 0.250 to 0.500: dense 0.0 %, pruned 0.0 %"));
    assert!(drawn.contains("w 0.750 to 1.000: dense 42.9 %, pruned 100.0 %"));
}

#[test]
fn bars_are_as_long_as_their_share() {
    for (share, width) in [(0.25, "0.250"), (7.0, "1.000"), (f64::NAN, "0.000")] {
        let drawn = bar("", Ink::Sparse, share).into_string();
        assert!(drawn.contains(&format!("width=\"{width}\"")), "{drawn}");
    }
}

proptest! {
    #[test]
    fn any_range_has_a_few_ticks_inside(from in -1e9..1e9f64, length in 1e-6..1e9f64) {
        let axis = Axis::new("", Scale::Plain, from, from + length);
        let ticks = axis.ticks();
        prop_assert!((2..=11).contains(&ticks.len()), "{:?}", ticks);
        for (value, _) in &ticks {
            prop_assert!((-1e-3..=1.0 + 1e-3).contains(&axis.position(*value)));
        }
    }

    #[test]
    fn no_number_gets_out_of_the_frame_into_the_page(
        values in prop::collection::vec((prop::num::f64::ANY, prop::num::f64::ANY), 0..6)
    ) {
        let drawn = line(&values).draw().into_string();
        // Tooltips tell numbers as they are; coordinates must be numbers.
        let coordinates = drawn.split("<title>").map(|part| part.split("</title>").last().unwrap());
        for part in coordinates {
            prop_assert!(!part.contains("NaN") && !part.contains("inf"), "{}", part);
        }
    }
}

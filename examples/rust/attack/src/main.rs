//! Attacks a closure: a classifier without a network, which takes an image for the class whose mean image is nearest.

use std::error::Error;

use sinew::attack::{self, AttackSettings, Circumstances, ThreatModel, Victim};
use sinew::classifier::FunctionClassifier;
use sinew::data::{self, DataSource, Dataset};
use sinew::evaluate::{Protocol, Samples, Silent, Volatile};
use sinew::progress::Progress;

const EPSILON: f32 = 0.05;
const SAMPLES: usize = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let (train, test) = data::load(&DataSource::Embedded, None, &Progress::hidden())?;
    let means = class_means(&train);
    let pixels = means[0].len();
    let classes = means.len();

    // Whatever you have: images [batch, channel, height, width] in, one number for each class out.
    let nearest_mean = move |images: &[f32]| -> Vec<f32> {
        let distance = |image: &[f32], mean: &[f32]| -> f32 {
            image.iter().zip(mean).map(|(x, m)| (x - m).powi(2)).sum()
        };
        images
            .chunks(pixels)
            .flat_map(|image| means.iter().map(move |mean| -distance(image, mean)))
            .collect()
    };
    let victim = FunctionClassifier::new(test.shape(), classes, nearest_mean);

    let threat = ThreatModel::linf(EPSILON);
    let at = Circumstances {
        threat,
        classes,
        surrogate: None,
    };
    let attacks = [
        AttackSettings::Noise { queries: 20 },
        AttackSettings::HopSkipJump { queries: 500 },
        AttackSettings::Square { queries: 500 },
    ];
    let protocol = Protocol {
        threat,
        attacks: attacks
            .iter()
            .map(|a| a.attack(&at))
            .collect::<Result<_, _>>()?,
        alone: true,
        seed: 0,
    };
    let indices: Vec<usize> = (0..SAMPLES).collect();
    let samples = Samples {
        data: &test,
        indices: &indices,
    };
    let victim = Victim::Logits(&victim);
    let found = attack::evaluate(victim, samples, &protocol, &mut Volatile, &Silent)?;

    let figures = found.evaluation;
    println!("L∞ ball of radius {EPSILON}, first {SAMPLES} test images, seed 0");
    let line = |name: &str, accuracy: f64, queries: f64| {
        println!(
            "{name:<28} {:5.1} %  {queries:5.0} queries an image",
            100.0 * accuracy
        );
    };
    line("clean", figures.clean_accuracy, 1.0);
    for attack in &figures.attacks {
        line(&attack.name, attack.robust_accuracy, attack.queries);
    }
    let queries = figures.attacks.iter().map(|attack| attack.queries).sum();
    line("all together", figures.robust_accuracy, queries);
    Ok(())
}

/// The mean image of each class.
fn class_means(data: &Dataset) -> Vec<Vec<f32>> {
    let pixels = data.shape().iter().product();
    let mut means = vec![vec![0.0; pixels]; data.classes().len()];
    let mut counts = vec![0.0; means.len()];
    for index in 0..data.len() {
        let class = usize::from(data.labels()[index]);
        counts[class] += 1.0;
        for (mean, x) in means[class].iter_mut().zip(data.batch(&[index])) {
            *mean += x;
        }
    }
    for (mean, count) in means.iter_mut().zip(counts) {
        for x in mean {
            *x /= count;
        }
    }
    means
}

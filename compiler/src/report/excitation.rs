//! Which images excite a unit most, and what an attack makes of its response to them.
//!
//! Looked at are the units of a few layers with the highest and the lowest anomaly degrees. The images are training images, as those
//! were that the degrees were measured on; test images are for accuracies alone.

use std::collections::BTreeMap;

use sinew_models::ValueId;

use super::ReportError;
use super::layer::{Layer, Unit};
use super::run::Run;
use crate::attack::{Attack, Examples, Pgd, ThreatModel};
use crate::classifier::ComputeError;
use crate::execute::DeviceChoice;
use crate::gradients::trainable;
use crate::progress::Progress;
use crate::seed::seeds;
use crate::trainable::{Normalization, Request, Responses, Trainable, Wanted};

/// The first training images.
const SAMPLES: usize = 200;
/// Layers that are looked at: the first, the last, and one between.
const LAYERS: usize = 3;
/// Units at either end of a layer.
const UNITS: usize = 2;
/// Images for each unit.
const IMAGES: usize = 3;
/// Images that are computed at a time.
const BATCH: usize = 50;

/// What was looked at.
#[derive(Debug)]
pub(super) struct Excitations {
    /// Number of training images among which the most exciting were looked for, the first in file order.
    pub(super) samples: usize,
    /// Steps of the PGD attack on them.
    pub(super) steps: usize,
    /// Layers from the input on.
    pub(super) layers: Vec<ExcitedLayer>,
}

/// Units of one layer.
#[derive(Debug)]
pub(super) struct ExcitedLayer {
    /// The layer's name.
    pub(super) name: String,
    /// `[height, width]` of a response.
    pub(super) map: [usize; 2],
    /// Those with the highest degrees.
    pub(super) most: Vec<ExcitedUnit>,
    /// Those with the lowest.
    pub(super) least: Vec<ExcitedUnit>,
}

/// A unit and the images that excite it.
#[derive(Debug)]
pub(super) struct ExcitedUnit {
    /// The unit.
    pub(super) unit: Unit,
    /// The images that excite it most, those first that do more.
    pub(super) images: Vec<Excitation>,
}

/// A unit's response to one image, clean and attacked.
#[derive(Debug)]
pub(super) struct Excitation {
    /// Number of the training image.
    pub(super) index: usize,
    /// `[channel, height, width]`: as it is, and attacked.
    pub(super) images: [Vec<f32>; 2],
    /// The unit's response map to either.
    pub(super) responses: [Vec<f32>; 2],
}

/// The excitations of the parent of `run`.
///
/// # Errors
/// If the network cannot be computed.
pub(super) fn excitations(
    run: &Run,
    device: DeviceChoice,
    progress: &Progress,
) -> Result<Excitations, ReportError> {
    let network = &run.networks.dense;
    let chosen = choose(&run.layers, |layer| network.shape(layer.response).as_map());
    let samples = SAMPLES.min(run.train.len());
    let steps = run.recipe().prune.steps;
    if chosen.is_empty() {
        return Ok(Excitations {
            samples,
            steps,
            layers: Vec::new(),
        });
    }
    let attack = Pgd::new(ThreatModel::linf(run.recipe().epsilon), steps);
    let engine = trainable(network, device)?;
    let points: Vec<ValueId> = chosen.iter().map(|c| c.layer.response).collect();

    let bar = progress.bar("excite units", samples as u64);
    let indices: Vec<usize> = (0..samples).collect();
    // Mean |response| of every unit of each chosen layer to each image.
    let mut means: Vec<Vec<Vec<f64>>> = vec![Vec::new(); chosen.len()];
    for batch in indices.chunks(BATCH) {
        let responses = responses(&*engine, &run.train.batch(batch), &points)?;
        for ((means, responses), chosen) in means.iter_mut().zip(&responses).zip(&chosen) {
            let map = chosen.map.iter().product::<usize>();
            for image in responses.chunks((chosen.units.len() * map).max(1)) {
                let maps = image.chunks(map.max(1));
                means.push(maps.map(mean_absolute).collect());
            }
        }
        bar.inc(batch.len() as u64);
    }
    let look = |layer: usize, unit: &Unit| -> Vec<usize> {
        let of = |image: &usize| means[layer][*image][unit.index];
        let mut order = indices.clone();
        order.sort_by(|a, b| of(b).total_cmp(&of(a)));
        order.truncate(IMAGES);
        order
    };
    // What is shown, and only that, is attacked.
    let mut shown = BTreeMap::new();
    for (layer, chosen) in chosen.iter().enumerate() {
        for unit in ends(&chosen.units).into_iter().flatten() {
            shown.extend(look(layer, &unit).into_iter().map(|index| (index, ())));
        }
    }
    let shown: Vec<usize> = shown.into_keys().collect();
    let (clean, labels) = (run.train.batch(&shown), run.train.batch_labels(&shown));
    let positions = shown.iter().map(|index| *index as u64);
    let seeds = seeds(run.recipe().seed, "report attack", positions);
    let examples = Examples::new(&clean, &labels, &seeds);
    let attacked = attack.perturb(&*engine, &examples)?;
    let responses = [&clean, &attacked].map(|images| responses(&*engine, images, &points));
    let [before, after] = responses;
    let responses = [before?, after?];
    bar.finish_and_clear();

    let pixels = examples.pixels();
    let unit = |layer: usize, unit: Unit| ExcitedUnit {
        unit,
        images: look(layer, &unit)
            .into_iter()
            .map(|index| {
                let place = shown.binary_search(&index).expect("it was collected");
                let Chosen { units, map, .. } = &chosen[layer];
                let map = map.iter().product::<usize>();
                let start = (place * units.len() + unit.index) * map;
                Excitation {
                    index,
                    images: [&clean, &attacked].map(|all| all[place * pixels..][..pixels].to_vec()),
                    responses: [0, 1]
                        .map(|side: usize| responses[side][layer][start..][..map].to_vec()),
                }
            })
            .collect(),
    };
    let layers = chosen.iter().enumerate().map(|(number, chosen)| {
        let [most, least] =
            ends(&chosen.units).map(|units| units.into_iter().map(|u| unit(number, u)).collect());
        ExcitedLayer {
            name: chosen.layer.name.clone(),
            map: chosen.map,
            most,
            least,
        }
    });
    Ok(Excitations {
        samples,
        steps,
        layers: layers.collect(),
    })
}

/// The value of each of `points` on a batch of images, `[batch, channel, height, width]`, flattened.
fn responses(
    engine: &dyn Trainable,
    images: &[f32],
    points: &[ValueId],
) -> Result<Vec<Vec<f32>>, ComputeError> {
    let mut seen = Vec::new();
    let request = Request {
        batches: &[images],
        normalization: Normalization::Running,
        points,
        parameters: Wanted::None,
    };
    engine.backward(&request, &mut |responses| {
        seen = responses.points.concat();
        let flat = |logits: &Vec<f32>| vec![0.0; logits.len()];
        Responses {
            logits: responses.logits.iter().map(flat).collect(),
            points: Vec::new(),
        }
    })?;
    Ok(seen)
}

fn mean_absolute(map: &[f32]) -> f64 {
    map.iter().map(|r| f64::from(r.abs())).sum::<f64>() / map.len().max(1) as f64
}

/// A layer that is looked at.
struct Chosen<'a> {
    layer: &'a Layer,
    /// All units, by falling degree.
    units: Vec<Unit>,
    /// `[height, width]` of a response.
    map: [usize; 2],
}

/// The first, a middle and the last of the layers whose units have maps, or of all if none have. `shape` tells a layer's responses.
fn choose(layers: &[Layer], shape: impl Fn(&Layer) -> [usize; 3]) -> Vec<Chosen<'_>> {
    let known = layers.iter().filter_map(|layer| {
        let [channels, height, width] = shape(layer);
        let units = layer.units()?;
        let usable = channels == units.len() && units.iter().any(|unit| unit.degree.is_some());
        let map = [height, width];
        usable.then_some(Chosen { layer, units, map })
    });
    let mut known: Vec<Chosen<'_>> = known.collect();
    if known.iter().any(|chosen| chosen.map != [1, 1]) {
        known.retain(|chosen| chosen.map != [1, 1]);
    }
    let last = known.len().saturating_sub(1);
    let wanted: Vec<usize> = (0..LAYERS).map(|i| i * last / (LAYERS - 1)).collect();
    let places = known.into_iter().enumerate();
    let wanted = places.filter(|(place, _)| wanted.contains(place));
    wanted.map(|(_, chosen)| chosen).collect()
}

/// The live units with the highest degrees and those with the lowest, extremes first; no unit is both.
fn ends(units: &[Unit]) -> [Vec<Unit>; 2] {
    let live: Vec<Unit> = units
        .iter()
        .filter(|u| u.degree.is_some())
        .copied()
        .collect();
    let count = UNITS.min(live.len().div_ceil(2));
    let least = live.iter().rev().take(UNITS.min(live.len() - count));
    [live[..count].to_vec(), least.copied().collect()]
}

#[cfg(test)]
mod tests {
    use super::super::layer::Degrees;
    use super::super::run::Pair;
    use super::*;

    fn layer(name: &str, degrees: &[Option<f64>]) -> Layer {
        let weights = vec![1.0; degrees.len()];
        let degrees = Degrees {
            response: degrees.to_vec(),
            gradient: degrees.to_vec(),
        };
        Layer {
            name: name.to_owned(),
            shape: vec![weights.len(), 1],
            kept: Some((0..weights.len()).collect()),
            weights: Pair {
                dense: weights.clone(),
                sparse: weights,
            },
            response: ValueId(0),
            degrees: Pair {
                dense: degrees.clone(),
                sparse: degrees,
            },
        }
    }

    fn indices(units: &[Unit]) -> Vec<usize> {
        units.iter().map(|unit| unit.index).collect()
    }

    #[test]
    fn the_ends_are_the_extremes_and_no_unit_is_both() {
        let of = |degrees: &[Option<f64>]| {
            ends(&layer("", degrees).units().unwrap()).map(|units| indices(&units))
        };
        let five = [Some(1.0), Some(5.0), None, Some(3.0), Some(4.0), Some(2.0)];
        assert_eq!(of(&five), [vec![1, 4], vec![0, 5]]);
        assert_eq!(
            of(&[Some(1.0), Some(2.0), Some(3.0)]),
            [vec![2, 1], vec![0]]
        );
        assert_eq!(of(&[Some(1.0)]), [vec![0], vec![]]);
        assert_eq!(of(&[None]), [Vec::<usize>::new(), Vec::new()]);
    }

    #[test]
    fn layers_with_maps_are_chosen_and_others_where_there_are_none() {
        let live = [Some(1.0), Some(2.0)];
        let names = |layers: &[Layer], maps: &[usize]| -> Vec<String> {
            let side = |layer: &Layer| layers.iter().position(|l| l.name == layer.name);
            let chosen = choose(layers, |layer| {
                let side = maps[side(layer).unwrap()];
                [2, side, side]
            });
            chosen
                .iter()
                .map(|chosen| chosen.layer.name.clone())
                .collect()
        };
        let layers: Vec<Layer> = ["a", "b", "c", "d", "e"]
            .map(|name| layer(name, &live))
            .into();
        assert_eq!(names(&layers, &[5, 5, 4, 4, 1]), ["a", "b", "d"]);
        assert_eq!(names(&layers, &[1; 5]), ["a", "c", "e"]);
        assert_eq!(names(&layers[..1], &[1]), ["a"]);
        assert_eq!(names(&[layer("dead", &[None, None])], &[3]), [""; 0]);
    }
}

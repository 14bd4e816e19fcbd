//! What a run measures on test images: the attacks that its recipe names, and a suite if it asks for one.
//!
//! Each measurement has a file beside the model, so that a run that is resumed does not repeat it.

use std::fs;
use std::path::Path;

use sinew_models::Network;

use super::{CompileError, NetworkRecord, Run, Trained, json};
use crate::atomic_file;
use crate::attack::{AttackSettings, Circumstances, NamedAttack, ThreatModel, Victim};
use crate::classifier::WithTwin;
use crate::evaluate::{Bar, Evaluation, PackedClassifier, Protocol, Samples, Volatile, evaluate};
use crate::gradients::with_gradients;
use crate::pack::{self, Manifest};

/// Attacks on the first test images.
pub(super) struct Measurement {
    /// What the file is called behind the model's name.
    extension: &'static str,
    /// What is done, in a word.
    verb: &'static str,
    protocol: Protocol<'static>,
    samples: usize,
}

/// A packed network with the float network that it was made of.
struct Packed<'a> {
    network: &'a Network,
    bytes: &'a [u8],
}

impl Run<'_> {
    /// Packs a network, made from the `original` one, as `name` and measures it; `label` is what people are told that it is.
    pub(super) fn network_record(
        &self,
        trained: &Trained,
        original: &Network,
        name: &str,
        label: &str,
    ) -> Result<NetworkRecord, CompileError> {
        let network = &trained.network;
        let manifest = Manifest::new(network, Some(self.recipe));
        let bytes = pack::pack(network, &manifest)?;
        let model = self.folder.join(name);
        atomic_file::write(&model, &bytes)?;
        let packed = Packed {
            network,
            bytes: &bytes,
        };
        let (first, suite) = self.measurements()?;
        let evaluation = self.measured(&packed, &first, &model, label)?;
        let suite = suite.map(|suite| self.measured(&packed, &suite, &model, label));
        Ok(NetworkRecord {
            parameters: network.nonzero_count(),
            sparsity: network.sparsity_since(original),
            bytes: bytes.len() as u64,
            history: trained.history.clone(),
            evaluation,
            suite: suite.transpose()?,
        })
    }

    /// What the recipe asks for: the attacks, and perhaps a suite.
    pub(super) fn measurements(&self) -> Result<(Measurement, Option<Measurement>), CompileError> {
        let settings = &self.recipe.evaluate;
        let threat = ThreatModel::linf(self.recipe.epsilon);
        let classes = self.data.test.classes().len();
        let attacks = Measurement {
            extension: "evaluation.json",
            verb: "attack",
            protocol: self.protocol(&settings.attacks, true)?,
            samples: settings.samples.min(self.data.test.len()),
        };
        let Some(suite) = settings.suite else {
            return Ok((attacks, None));
        };
        let suite = Measurement {
            extension: "suite.json",
            verb: "suite on",
            protocol: self.protocol(&suite.name.attacks(threat, classes, false), false)?,
            samples: suite.samples.min(self.data.test.len()),
        };
        Ok((attacks, Some(suite)))
    }

    fn protocol(
        &self,
        attacks: &[AttackSettings],
        alone: bool,
    ) -> Result<Protocol<'static>, CompileError> {
        let threat = ThreatModel::linf(self.recipe.epsilon);
        let at = Circumstances {
            threat,
            classes: self.data.test.classes().len(),
            surrogate: None,
        };
        let attacks: Result<Vec<NamedAttack<'static>>, _> =
            attacks.iter().map(|attack| attack.attack(&at)).collect();
        Ok(Protocol {
            threat,
            attacks: attacks?,
            alone,
            seed: self.recipe.seed,
        })
    }

    /// A measurement's result: read if it is finished, else made.
    fn measured(
        &self,
        packed: &Packed<'_>,
        measurement: &Measurement,
        model: &Path,
        label: &str,
    ) -> Result<Evaluation, CompileError> {
        let path = model.with_extension(measurement.extension);
        let Ok(found) = fs::read(&path) else {
            let label = format!("{} {label}", measurement.verb);
            let evaluation = self.evaluate(packed, measurement, &label)?;
            atomic_file::write(&path, &json(&evaluation))?;
            return Ok(evaluation);
        };
        let problem = match serde_json::from_slice(&found) {
            Ok(evaluation) if measurement.is_of(&evaluation) => return Ok(evaluation),
            Ok(_) => "it belongs to another evaluation".to_owned(),
            Err(error) => error.to_string(),
        };
        Err(CompileError::State { path, problem })
    }

    /// The packed model is attacked; the gradients are those of its float twin.
    fn evaluate(
        &self,
        packed: &Packed<'_>,
        measurement: &Measurement,
        label: &str,
    ) -> Result<Evaluation, CompileError> {
        let protocol = &measurement.protocol;
        let indices: Vec<usize> = (0..measurement.samples).collect();
        let samples = Samples {
            data: &self.data.test,
            indices: &indices,
        };
        let bar = Bar::new(self.progress, label, &protocol.attacks, indices.len());
        let deployed = &PackedClassifier::new(packed.bytes)?;
        let findings = with_gradients(packed.network, self.device, |twin| {
            let victim = WithTwin { deployed, twin };
            let victim = Victim::Gradients(&victim);
            evaluate(victim, samples, protocol, &mut Volatile, &bar)
        })?;
        Ok(findings?.evaluation)
    }
}

impl Measurement {
    /// Whether an evaluation that was found is this one's result: a figure must not get another threat model's label.
    fn is_of(&self, found: &Evaluation) -> bool {
        let Protocol {
            threat,
            attacks,
            seed,
            ..
        } = &self.protocol;
        let wanted = attacks.iter().map(|attack| (&attack.name, attack.budget));
        let made = found.attacks.iter().map(|a| (&a.name, a.budget));
        (found.norm, found.epsilon, found.samples, found.seed)
            == (threat.norm, threat.epsilon, self.samples, *seed)
            && made.eq(wanted)
    }
}

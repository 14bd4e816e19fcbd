//! An archive to bytes.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use safetensors::tensor::{Dtype, View};

use super::{
    Archive, Description, FileError, KEY, ParameterRecord, Tensor, VERSION, check_values, mask_name,
};
use crate::network::{Parameter, ValueId};

impl Archive {
    /// The file's bytes: the same for equal archives.
    ///
    /// # Errors
    /// For what [`from_bytes`](Self::from_bytes) would refuse: a number that is not finite, a negative variance, a tensor
    /// whose values do not fill its shape, a tensor called `__metadata__`, or two of one name.
    pub fn to_bytes(&self) -> Result<Vec<u8>, FileError> {
        let mut stored = BTreeMap::new();
        let mut insert = |name: String, shape, data| {
            if name == "__metadata__" || stored.contains_key(&name) {
                return Err(FileError::tensor(&name, "the name is taken"));
            }
            stored.insert(name, Stored { shape, data });
            Ok(())
        };
        for parameter in self.network.parameters() {
            let (name, values) = (parameter.name(), parameter.values());
            check_values(name, Some(parameter.role()), values)?;
            insert(name.to_owned(), parameter.shape(), Data::Numbers(values))?;
            if let Some(mask) = parameter.mask() {
                insert(mask_name(name), parameter.shape(), Data::Mask(mask))?;
            }
        }
        for (name, Tensor { shape, values }) in &self.tensors {
            let elements = shape
                .iter()
                .try_fold(1usize, |n, axis| n.checked_mul(*axis));
            if elements != Some(values.len()) {
                let problem = format!("{} values do not fill the shape {shape:?}", values.len());
                return Err(FileError::tensor(name, problem));
            }
            check_values(name, None, values)?;
            insert(name.clone(), shape, Data::Numbers(values))?;
        }
        let description = serde_json::to_string(&self.description())?;
        let metadata = HashMap::from([(KEY.to_owned(), description)]);
        safetensors::serialize(stored, Some(metadata))
            .map_err(|error| FileError::Header(error.to_string()))
    }

    fn description(&self) -> Description {
        let network = &self.network;
        let record = |parameter: &Parameter| ParameterRecord {
            name: parameter.name().to_owned(),
            role: parameter.role(),
            masked: parameter.mask().is_some(),
        };
        Description {
            version: VERSION,
            name: network.name().to_owned(),
            input_shape: network.shape(ValueId::INPUT).0.clone(),
            labels: network.labels().to_vec(),
            nodes: network.nodes().to_vec(),
            parameters: network.parameters().iter().map(record).collect(),
            metadata: self.metadata.clone(),
        }
    }
}

/// A tensor on its way into a file; turned into bytes only when its turn comes.
struct Stored<'a> {
    shape: &'a [usize],
    data: Data<'a>,
}

enum Data<'a> {
    Numbers(&'a [f32]),
    Mask(&'a [bool]),
}

impl View for Stored<'_> {
    fn dtype(&self) -> Dtype {
        match self.data {
            Data::Numbers(_) => Dtype::F32,
            Data::Mask(_) => Dtype::BOOL,
        }
    }

    fn shape(&self) -> &[usize] {
        self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match self.data {
            Data::Numbers(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Data::Mask(mask) => mask.iter().copied().map(u8::from).collect(),
        }
    }

    fn data_len(&self) -> usize {
        match self.data {
            Data::Numbers(values) => size_of_val(values),
            Data::Mask(mask) => mask.len(),
        }
    }
}

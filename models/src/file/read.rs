//! Bytes to an archive. The bytes may be anything: nothing is taken from them before it is checked.

use std::collections::BTreeMap;

use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use serde::Deserialize;

use super::{
    Archive, Description, FileError, KEY, ParameterRecord, Tensor, VERSION, check_values, mask_name,
};
use crate::network::{Network, Parameter, Role};

impl Archive {
    /// Reads what [`to_bytes`](Self::to_bytes) wrote. Never panics, and takes memory in proportion to the file's size.
    ///
    /// # Errors
    /// For bytes that are not such a file, with the tensor or node at fault.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FileError> {
        let (header, data) = split(bytes)?;
        let description = describe(&header)?;
        let mut tensors = Tensors {
            infos: header.tensors().into_iter().collect(),
            data,
        };
        let parameters = description
            .parameters
            .into_iter()
            .map(|record| tensors.take_parameter(record))
            .collect::<Result<_, _>>()?;
        let network = Network::new(
            description.name,
            description.input_shape,
            description.labels,
            description.nodes,
            parameters,
        )?;
        let names: Vec<String> = tensors.infos.keys().cloned().collect();
        let tensors = names
            .into_iter()
            .map(|name| Ok((name.clone(), tensors.take_numbers(&name, None)?)))
            .collect::<Result<_, FileError>>()?;
        Ok(Self {
            network,
            tensors,
            metadata: description.metadata,
        })
    }
}

/// A safetensors file's header and its tensors' bytes. Not `SafeTensors::deserialize`: its check of the length overflows, and so may
/// panic, on hostile offsets. Parsing [`Metadata`] has checked that every tensor has the size of its shape and that they lie
/// end to end.
///
/// # Errors
/// If the header is damaged, or describes more or fewer bytes than there are.
pub fn split(bytes: &[u8]) -> Result<(Metadata, &[u8]), FileError> {
    let short = || FileError::Header("the file ends before it does".to_owned());
    let (length, rest) = bytes.split_first_chunk().ok_or_else(short)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| short())?;
    let (header, data) = rest.split_at_checked(length).ok_or_else(short)?;
    let header: Metadata =
        serde_json::from_slice(header).map_err(|error| FileError::Header(error.to_string()))?;
    if header.data_len() != data.len() {
        return Err(FileError::Length {
            expected: header.data_len(),
            found: data.len(),
        });
    }
    Ok((header, data))
}

/// The part of the description that all versions share.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

fn describe(header: &Metadata) -> Result<Description, FileError> {
    let metadata = header.metadata().as_ref();
    let json = metadata
        .and_then(|metadata| metadata.get(KEY))
        .ok_or(FileError::NoNetwork)?;
    let Versioned { version } = serde_json::from_str(json)?;
    if version != VERSION {
        return Err(FileError::Version(version));
    }
    Ok(serde_json::from_str(json)?)
}

/// The tensors of a file that nobody has taken yet.
struct Tensors<'a> {
    infos: BTreeMap<String, &'a TensorInfo>,
    data: &'a [u8],
}

impl<'a> Tensors<'a> {
    fn take(&mut self, name: &str, dtype: Dtype) -> Result<(&'a TensorInfo, &'a [u8]), FileError> {
        let info = self
            .infos
            .remove(name)
            .ok_or_else(|| FileError::tensor(name, "it is missing"))?;
        if info.dtype != dtype {
            let problem = format!("its type is {}, not {dtype}", info.dtype);
            return Err(FileError::tensor(name, problem));
        }
        let (start, end) = info.data_offsets;
        Ok((info, &self.data[start..end]))
    }

    fn take_numbers(&mut self, name: &str, role: Option<Role>) -> Result<Tensor, FileError> {
        let (info, bytes) = self.take(name, Dtype::F32)?;
        let (numbers, _) = bytes.as_chunks();
        let values: Vec<f32> = numbers.iter().copied().map(f32::from_le_bytes).collect();
        check_values(name, role, &values)?;
        Ok(Tensor {
            shape: info.shape.clone(),
            values,
        })
    }

    fn take_parameter(&mut self, record: ParameterRecord) -> Result<Parameter, FileError> {
        let ParameterRecord { name, role, masked } = record;
        let Tensor { shape, values } = self.take_numbers(&name, Some(role))?;
        let mask = if masked {
            Some(self.take_mask(&name, role, &shape, &values)?)
        } else {
            None
        };
        let mut parameter = Parameter::new(name, role, shape, values);
        if let Some(mask) = mask {
            parameter.set_mask(mask);
        }
        Ok(parameter)
    }

    /// The mask of the parameter called `parameter`, which must be trained and zero wherever the mask is.
    fn take_mask(
        &mut self,
        parameter: &str,
        role: Role,
        shape: &[usize],
        values: &[f32],
    ) -> Result<Vec<bool>, FileError> {
        let name = mask_name(parameter);
        let fail = |problem: &str| FileError::tensor(&name, problem);
        if !role.is_trainable() {
            return Err(fail("only what is trained has masks"));
        }
        let (info, mask) = self.take(&name, Dtype::BOOL)?;
        if info.shape != shape {
            return Err(fail("its shape is not the parameter's"));
        }
        if mask.iter().any(|byte| *byte > 1) {
            return Err(fail("a byte is neither 0 nor 1"));
        }
        let mut pruned = mask.iter().zip(values).filter(|(byte, _)| **byte == 0);
        if pruned.any(|(_, value)| *value != 0.0) {
            return Err(fail("a pruned value is not zero"));
        }
        Ok(mask.iter().map(|byte| *byte == 1).collect())
    }
}

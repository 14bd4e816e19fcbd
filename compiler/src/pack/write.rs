//! The file: header, section table, sections. `docs/FORMAT.md` is the norm, the runtime's records are the layout.

use sinew_runtime::format::{
    Header, PlanHeader, SECTION_ALIGNMENT, SectionEntry, SectionKind, StepRecord, TensorRecord,
    crc32c,
};

use super::plan::Plan;

/// The bytes of the file.
pub(super) fn write(plan: &Plan, manifest: &[u8]) -> Vec<u8> {
    let weights: Vec<u8> = plan
        .steps
        .iter()
        .flat_map(|step| step.weights.iter().copied())
        .collect();
    let sections = [
        (SectionKind::Plan, plan_section(plan)),
        (SectionKind::Weights, weights),
        (SectionKind::Manifest, manifest.to_vec()),
    ];
    let table_end = Header::BYTES + sections.len() * SectionEntry::BYTES;
    let mut contents = Vec::new();
    let mut table = Vec::new();
    for (kind, section) in sections {
        let offset = (table_end + contents.len()).next_multiple_of(SECTION_ALIGNMENT);
        contents.resize(offset - table_end, 0);
        let entry = SectionEntry {
            kind,
            checksum: crc32c(&section),
            offset: offset as u64,
            length: section.len() as u64,
        };
        table.extend(entry.to_bytes());
        contents.extend(section);
    }
    let header = Header {
        section_count: (table.len() / SectionEntry::BYTES) as u32,
        file_length: (table_end + contents.len()) as u64,
        table_checksum: crc32c(&table),
    };
    [header.to_bytes().to_vec(), table, contents].concat()
}

fn plan_section(plan: &Plan) -> Vec<u8> {
    let tensors: Vec<TensorRecord> = plan
        .offsets
        .iter()
        .zip(&plan.shapes)
        .map(|(&offset, &shape)| TensorRecord { offset, shape })
        .collect();
    let arena_end = tensors
        .iter()
        .map(|tensor| tensor.span().end)
        .max()
        .unwrap_or(0);
    let demands = || plan.steps.iter().map(|step| &step.demand);
    let header = PlanHeader {
        output: plan.output as u32,
        step_count: plan.steps.len() as u32,
        arena_bytes: 4 * arena_end,
        scratch_bytes: demands()
            .map(|demand| demand.scratch_bytes)
            .max()
            .unwrap_or(0),
        macs_dense: demands().map(|demand| demand.macs_dense()).sum(),
        macs_effective: plan
            .steps
            .iter()
            .map(|step| step.demand.macs_effective(step.stored))
            .sum(),
    };
    let mut bytes = header.to_bytes().to_vec();
    bytes.extend(tensors.iter().flat_map(|tensor| tensor.to_bytes()));
    let mut weights_offset = 0;
    for (index, step) in plan.steps.iter().enumerate() {
        let weights_length = step.weights.len() as u64;
        let mut inputs = [0; 2];
        for (record, input) in inputs.iter_mut().zip(&step.inputs) {
            *record = *input as u32;
        }
        let record = StepRecord {
            operator: step.operator,
            inputs,
            output: index as u32 + 1,
            weights_offset,
            weights_length,
        };
        bytes.extend(record.to_bytes());
        weights_offset += weights_length;
    }
    bytes
}

//! Several adapters as one.
//!
//! An adapter adds `B·A` to a weight, two thin matrices. The sum of several is again one such product, of all `A` below
//! each other and all `B` beside each other: `[B₁ B₂]·[A₁ A₂]ᵀ = B₁A₁ + B₂A₂`. So any number of them costs one product
//! for each weight, and what comes out does not depend on where in memory they lie, as it does where llama.cpp adds them.
//!
//! [`crate::adapter`] calls it with files that the pool has checked, and gives the result to llama.cpp.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use engine::LoraAdapter;
use engine::gguf::{ADAPTER_ALPHA, Header, Tensor};

use super::numbers;
use super::writer::Writer;

/// Where the embeddings are changed `A` is looked up by token, and lies as `B` does.
const LOOKED_UP: &str = "token_embd.weight";
/// Vectors that llama.cpp leaves out of adapters, too.
const LEFT_OUT: &str = "_norm.weight";

/// Which adapter cannot be joined with the others, and why.
#[derive(Debug)]
pub struct Misfit {
    /// Its place in the list.
    pub index: usize,
    /// A part of a sentence.
    pub cause: String,
}

/// Writes the sum of all adapters, each with its scale, as one whose scale is 1.
///
/// # Errors
/// One of them is not like the others, or cannot be read; the sum cannot be written.
pub fn write(adapters: &[LoraAdapter], to: impl Write) -> Result<(), Misfit> {
    let sources: Vec<Source> = (adapters.iter().enumerate())
        .map(|(index, adapter)| Source::open(adapter).map_err(|cause| Misfit { index, cause }))
        .collect::<Result<_, _>>()?;
    let architecture = sources.first().map(Source::architecture).unwrap_or_default();
    let mut weights: BTreeMap<&str, Vec<Pair<'_>>> = BTreeMap::new();
    for (index, source) in sources.iter().enumerate() {
        let misfit = |cause| Misfit { index, cause };
        if source.architecture() != architecture {
            let cause = format!("it is for {}, and the first one for {architecture}", source.architecture());
            return Err(misfit(cause));
        }
        for (weight, pair) in source.pairs(index).map_err(misfit)? {
            let beside = weights.entry(weight).or_default();
            if beside.first().is_some_and(|first| !first.fits(&pair, weight)) {
                return Err(misfit(format!("it has another shape for {weight} than one before it")));
            }
            beside.push(pair);
        }
    }
    let last = sources.len().saturating_sub(1);
    write_all(&weights, architecture, to).map_err(|(index, error)| {
        // Writing fails for all of them.
        Misfit { index: index.unwrap_or(last), cause: error.to_string() }
    })
}

/// An adapter's file.
struct Source {
    file: File,
    header: Header,
    scale: f32,
}

/// What one adapter adds to one weight.
struct Pair<'a> {
    index: usize,
    source: &'a Source,
    a: &'a Tensor,
    b: &'a Tensor,
}

impl Source {
    fn open(adapter: &LoraAdapter) -> Result<Self, String> {
        let header = Header::read(&adapter.path).map_err(|error| error.to_string())?;
        let file = File::open(&adapter.path).map_err(|error| error.to_string())?;
        Ok(Self { file, header, scale: adapter.scale })
    }

    fn architecture(&self) -> &str {
        self.header.architecture().unwrap_or_default()
    }

    /// By the weight that they change.
    fn pairs(&self, index: usize) -> Result<BTreeMap<&str, Pair<'_>>, String> {
        let mut halves: BTreeMap<&str, [Option<&Tensor>; 2]> = BTreeMap::new();
        for tensor in self.header.tensors() {
            let name = tensor.name.as_str();
            if let Some(weight) = name.strip_suffix(".lora_a") {
                halves.entry(weight).or_default()[0] = Some(tensor);
            } else if let Some(weight) = name.strip_suffix(".lora_b") {
                halves.entry(weight).or_default()[1] = Some(tensor);
            } else if !name.ends_with(LEFT_OUT) {
                return Err(format!("{name} is no part of an adapter"));
            }
            if !numbers::can_be_read(tensor.kind) {
                return Err(format!(
                    "{name} is of ggml's type {}, which cannot be added up: convert it as f32, f16, bf16 or q8_0",
                    tensor.kind
                ));
            }
        }
        let mut pairs = BTreeMap::new();
        for (weight, halves) in halves {
            let [Some(a), Some(b)] = halves else { return Err(format!("of {weight} it has only one half")) };
            let pair = Pair { index, source: self, a, b };
            if a.shape.get(rank_dimension_of_a(weight)) != Some(&pair.rank()) {
                return Err(format!("the halves of {weight} do not fit each other"));
            }
            pairs.insert(weight, pair);
        }
        Ok(pairs)
    }
}

impl Pair<'_> {
    fn rank(&self) -> u64 {
        self.b.shape[0]
    }

    /// Whether both can stand beside each other.
    fn fits(&self, other: &Self, weight: &str) -> bool {
        let but_for = |dimension, tensor: &Tensor| with_length(tensor.shape, dimension, 0);
        let of_a = rank_dimension_of_a(weight);
        but_for(of_a, self.a) == but_for(of_a, other.a) && but_for(0, self.b) == but_for(0, other.b)
    }

    /// What the product is multiplied by.
    fn strength(&self) -> f32 {
        match self.source.header.float(ADAPTER_ALPHA) {
            Some(alpha) if alpha != 0.0 => self.source.scale * alpha / self.rank() as f32,
            _ => self.source.scale,
        }
    }

    fn read(&self, tensor: &Tensor) -> io::Result<Vec<f32>> {
        let mut bytes = vec![0; tensor.size_bytes as usize];
        self.source.file.read_exact_at(&mut bytes, tensor.at_bytes)?;
        Ok(numbers::read(tensor.kind, &bytes))
    }
}

/// Along which dimension the `A` of a weight counts the ranks; `B` does so along the first.
fn rank_dimension_of_a(weight: &str) -> usize {
    if weight.ends_with(LOOKED_UP) { 0 } else { 1 }
}

fn with_length(mut shape: [u64; 4], dimension: usize, length: u64) -> [u64; 4] {
    if let Some(of_dimension) = shape.get_mut(dimension) {
        *of_dimension = length;
    }
    shape
}

/// With the error comes the adapter that could not be read; none where the sum could not be written.
fn write_all(
    weights: &BTreeMap<&str, Vec<Pair<'_>>>,
    architecture: &str,
    to: impl Write,
) -> Result<(), (Option<usize>, io::Error)> {
    let of_sum = |error| (None, error);
    let shape = |tensor: &Tensor, dimension, pairs: &[Pair<'_>]| {
        with_length(tensor.shape, dimension, pairs.iter().map(Pair::rank).sum())
    };
    let mut tensors = Vec::new();
    for (weight, pairs) in weights {
        let Some(first) = pairs.first() else { continue };
        let of_a = rank_dimension_of_a(weight);
        tensors.push((format!("{weight}.lora_a"), shape(first.a, of_a, pairs)));
        tensors.push((format!("{weight}.lora_b"), shape(first.b, 0, pairs)));
    }
    let mut writer = Writer::begin(to, architecture, &tensors).map_err(of_sum)?;
    for (weight, pairs) in weights {
        let mut halves: [Vec<(Vec<f32>, u64)>; 2] = Default::default();
        let of_a = rank_dimension_of_a(weight);
        for pair in pairs {
            let unread = |error| (Some(pair.index), error);
            let a = pair.read(pair.a).map_err(unread)?;
            let mut b = pair.read(pair.b).map_err(unread)?;
            let strength = pair.strength();
            b.iter_mut().for_each(|number| *number *= strength);
            let [all_a, all_b] = &mut halves;
            all_a.push((a, stretch(pair.a, of_a)));
            all_b.push((b, stretch(pair.b, 0)));
        }
        for half in &halves {
            writer.tensor(beside(half)).map_err(of_sum)?;
        }
    }
    writer.end().map_err(of_sum)
}

/// How many numbers lie together that differ in no dimension behind this one.
fn stretch(tensor: &Tensor, dimension: usize) -> u64 {
    tensor.shape.iter().take(dimension + 1).product()
}

/// The numbers of several matrices, by turns a stretch of each.
fn beside(matrices: &[(Vec<f32>, u64)]) -> impl Iterator<Item = f32> {
    let stretches = matrices.first().map_or(0, |(numbers, stretch)| numbers.len() as u64 / stretch);
    (0..stretches).flat_map(move |index| {
        matrices.iter().flat_map(move |(numbers, stretch)| {
            let from = (index * stretch) as usize;
            numbers.get(from..from + *stretch as usize).unwrap_or_default().iter().copied()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_are_joined_along_columns_or_rows() {
        // Two rows of one and of two columns.
        let columns = [(vec![1.0, 4.0], 1), (vec![2.0, 3.0, 5.0, 6.0], 2)];
        assert_eq!(beside(&columns).collect::<Vec<_>>(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        // One row of three columns, and two rows.
        let rows = [(vec![1.0, 2.0, 3.0], 3), (vec![4.0, 5.0, 6.0, 7.0, 8.0, 9.0], 6)];
        assert_eq!(beside(&rows).collect::<Vec<_>>(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
    }
}

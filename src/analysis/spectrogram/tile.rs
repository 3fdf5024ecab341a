//! Tiles of the spectrogram in the making, and the pictures that are made of them: powers in, codes and decibels out.

use std::sync::OnceLock;

use super::pyramid::{State, TILE_COLUMNS};
use super::store::LEVEL_COLUMNS;

/// Hundredths of a decibel from no power to code 2.
pub(super) const FLOOR: f64 = -327.66;

/// A picture under work: weighted sums of powers.
pub(super) struct Picture {
    pub(super) rows: usize,
    pub(super) sums: Vec<f32>,
    pub(super) weights: Vec<f32>,
    pub(super) states: Vec<State>,
}

impl Picture {
    pub(super) fn add(&mut self, column: usize, weight: f32, powers: impl Iterator<Item = f32>, state: State) {
        for (sum, power) in self.sums[column * self.rows..][..self.rows].iter_mut().zip(powers) {
            *sum += weight * power;
        }
        self.weights[column] += weight;
        self.states[column] = state;
    }

    pub(super) fn clear(&mut self, column: usize) {
        self.sums[column * self.rows..][..self.rows].fill(0.0);
        self.weights[column] = 0.0;
    }

    pub(super) fn decibels(&mut self) -> Vec<f32> {
        let mut values = std::mem::take(&mut self.sums);
        for (column, &weight) in values.chunks_mut(self.rows).zip(&self.weights) {
            for value in column {
                *value = if weight > 0.0 { 10.0 * (*value / weight).log10() } else { f32::NAN };
            }
        }
        values
    }
}

/// The base columns of a tile under work.
pub(super) struct TileMaker {
    rows: usize,
    base: u64,
    sums: Vec<f64>,
    counts: [u32; TILE_COLUMNS as usize],
}

impl TileMaker {
    pub(super) fn new(rows: usize, base: u64) -> Self {
        Self { rows, base, sums: vec![0.0; rows * TILE_COLUMNS as usize], counts: [0; TILE_COLUMNS as usize] }
    }

    pub(super) fn take(&mut self, window: u64, powers: &[f64]) {
        if powers[0].is_nan() {
            return;
        }
        let column = (window / self.base % TILE_COLUMNS) as usize;
        self.counts[column] += 1;
        for (sum, power) in self.sums[column * self.rows..].iter_mut().zip(powers) {
            *sum += power;
        }
    }

    /// Its levels, coarsest first, and nothing left.
    pub(super) fn finish(&mut self) -> Vec<u16> {
        let mut codes = Vec::with_capacity(85 * self.rows);
        for columns in LEVEL_COLUMNS {
            let each = TILE_COLUMNS as usize / columns;
            for column in 0..columns {
                let part = column * each..(column + 1) * each;
                let count: u32 = self.counts[part.clone()].iter().sum();
                codes.extend((0..self.rows).map(|row| {
                    let sum: f64 = part.clone().map(|c| self.sums[c * self.rows + row]).sum();
                    if count == 0 { 0 } else { encode(sum / f64::from(count)) }
                }));
            }
        }
        self.sums.fill(0.0);
        self.counts.fill(0);
        codes
    }
}

/// A power in hundredths of a decibel; 0 is for what is missing, 1 for no power.
pub(super) fn encode(power: f64) -> u16 {
    if power <= 0.0 {
        return 1;
    }
    ((10.0 * power.log10() - FLOOR) * 100.0).round().clamp(2.0, 65_535.0) as u16
}

/// The power of every code.
pub(super) fn decoder() -> &'static [f32] {
    static POWERS: OnceLock<Vec<f32>> = OnceLock::new();
    POWERS.get_or_init(|| {
        let power = |code: u16| match code {
            0 => f32::NAN,
            1 => 0.0,
            code => 10_f64.powf((f64::from(code) / 100.0 + FLOOR) / 10.0) as f32,
        };
        (0..=u16::MAX).map(power).collect()
    })
}

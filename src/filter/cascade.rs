//! The loop of a recursive filter: a cascade of second-order sections over channels side by side.
//!
//! The recursion of one channel cannot be vectorised; that of [`super::LANES`] channels can, one to a lane, so samples
//! lie interleaved (`data[frame][lane]`). Up to four sections run in one pass over the data with their states in
//! registers, without fused multiplications, so that every lane gives the same bits as every other, on every machine.
//!
//! The form is the transposed direct form II in the delta operator (Middleton and Goodwin, *Digital Control and
//! Estimation*, 1990): with α1 = 2 + a1, α2 = 1 + a1 + a2 and likewise β of b, the states are advanced by *small* steps,
//!
//! ```text
//! y = b0 x + z0        z0 += z1 + β1 x − α1 y        z1 += β2 x − α2 y
//! ```
//!
//! so that a filter far slower than the rate, whose poles are next to 1, does not lose a million times the rounding error
//! of a sample as the plain form does. The transfer function is the same: α and β are exact differences.
//!
//! Poles on the left half of the plane, which are nearer to −1 than to 1, gain nothing by that, and next to −1 lose as
//! much. Sections that have them are run in the plain form: y = b0 x + z0, z0 = z1 + b1 x − a1 y, z1 = b2 x − a2 y.

use pulp::{Arch, Simd, WithSimd};

use super::sos::Section;

/// Frames between looks for states so small that the processor would slow down on them.
const FLUSH_FRAMES: usize = 4096;
/// What is smaller is zero for all purposes.
const TINY: f64 = 1e-270;

/// The state of a section, for each lane.
pub(super) type State<const N: usize> = [[f64; N]; 2];

/// Runs `sections` over `data` in place, forward in time, from `states` (one for each section) on.
pub(super) fn forward<const N: usize>(sections: &[Section], states: &mut [State<N>], data: &mut [[f64; N]]) {
    for data in data.chunks_mut(FLUSH_FRAMES) {
        run::<N, false>(sections, states, data);
    }
}

/// As [`forward`], from the last frame to the first.
pub(super) fn backward<const N: usize>(sections: &[Section], states: &mut [State<N>], data: &mut [[f64; N]]) {
    for data in data.rchunks_mut(FLUSH_FRAMES) {
        run::<N, true>(sections, states, data);
    }
}

fn run<const N: usize, const BACK: bool>(sections: &[Section], states: &mut [State<N>], data: &mut [[f64; N]]) {
    let mut rest = &mut *states;
    for alike in sections.chunk_by(|a, b| a.is_plain() == b.is_plain()) {
        for sections in alike.chunks(4) {
            let (states, others) = rest.split_at_mut(sections.len().min(rest.len()));
            rest = others;
            if sections[0].is_plain() {
                pass::<N, BACK, true>(sections, states, data);
            } else {
                pass::<N, BACK, false>(sections, states, data);
            }
        }
    }
    for x in states.as_flattened_mut().as_flattened_mut() {
        if x.abs() < TINY {
            *x = 0.0;
        }
    }
}

/// Up to four sections of one form.
fn pass<const N: usize, const BACK: bool, const PLAIN: bool>(
    sections: &[Section],
    states: &mut [State<N>],
    data: &mut [[f64; N]],
) {
    let arch = Arch::new();
    match sections.len() {
        1 => arch.dispatch(Pass::<'_, N, 1, BACK, PLAIN> { sections, states, data }),
        2 => arch.dispatch(Pass::<'_, N, 2, BACK, PLAIN> { sections, states, data }),
        3 => arch.dispatch(Pass::<'_, N, 3, BACK, PLAIN> { sections, states, data }),
        _ => arch.dispatch(Pass::<'_, N, 4, BACK, PLAIN> { sections, states, data }),
    }
}

struct Pass<'a, const N: usize, const S: usize, const BACK: bool, const PLAIN: bool> {
    sections: &'a [Section],
    states: &'a mut [State<N>],
    data: &'a mut [[f64; N]],
}

impl<const N: usize, const S: usize, const BACK: bool, const PLAIN: bool> WithSimd for Pass<'_, N, S, BACK, PLAIN> {
    type Output = ();

    #[inline(always)]
    fn with_simd<V: Simd>(self, _: V) {
        let Self { sections, states, data } = self;
        let (Some(sections), Some(states)) = (sections.first_chunk::<S>(), states.first_chunk_mut::<S>()) else {
            return;
        };
        let coefficients: [[f64; 5]; S] = std::array::from_fn(|s| {
            let Section { b: [b0, b1, b2], a: [a1, a2] } = sections[s];
            if PLAIN {
                return [b0, b1, b2, a1, a2];
            }
            // In this order the sums of coefficients next to (1, -2, 1) are exact.
            [b0, (b0 + b1) + b0, (b0 + b1) + b2, (1.0 + a1) + 1.0, (1.0 + a1) + a2]
        });
        let mut state = *states;
        if BACK {
            for frame in data.iter_mut().rev() {
                *frame = step::<N, S, PLAIN>(&coefficients, &mut state, *frame);
            }
        } else {
            for frame in data.iter_mut() {
                *frame = step::<N, S, PLAIN>(&coefficients, &mut state, *frame);
            }
        }
        *states = state;
    }
}

#[inline(always)]
fn step<const N: usize, const S: usize, const PLAIN: bool>(
    coefficients: &[[f64; 5]; S],
    state: &mut [State<N>; S],
    frame: [f64; N],
) -> [f64; N] {
    let mut x = frame;
    for s in 0..S {
        let [b0, beta1, beta2, alpha1, alpha2] = coefficients[s];
        let [mut z0, mut z1] = state[s];
        for lane in 0..N {
            let y = b0 * x[lane] + z0[lane];
            if PLAIN {
                z0[lane] = z1[lane] + (beta1 * x[lane] - alpha1 * y);
                z1[lane] = beta2 * x[lane] - alpha2 * y;
            } else {
                z0[lane] += z1[lane] + (beta1 * x[lane] - alpha1 * y);
                z1[lane] += beta2 * x[lane] - alpha2 * y;
            }
            x[lane] = y;
        }
        state[s] = [z0, z1];
    }
    x
}

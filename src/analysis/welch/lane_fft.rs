//! Several complex transforms at once, one in each lane of the processor's vectors.
//!
//! Every operation is between whole vectors, so nothing is shuffled within one. Because only the sum of the powers is
//! wanted, the spectra stay in the order in which decimation in frequency leaves them (W. M. Gentleman & G. Sande, *Fast
//! Fourier transforms: for fun and profit*, 1966): the sums are put in order once, at the end. Passes of radix 8 run depth
//! first, so that all but the first two find their points in the processor's first cache, and the last one, of radix 4, 8
//! or 16, never writes its spectrum down but adds its powers.
//!
//! The steps are plain functions and loops: a closure would not be compiled for the widest vectors.

use std::f64::consts::{FRAC_1_SQRT_2, TAU};

use pulp::{Arch, Simd, WithSimd};

/// Transforms of one length.
pub(super) struct LaneFft {
    n: usize,
    passes: Vec<Pass>,
    leaf: usize,
    /// The place in a transform where each frequency, 0 to n − 1, is in the end.
    places: Vec<u32>,
}

/// One pass of radix 8 over blocks of `length` points.
struct Pass {
    length: usize,
    /// For each point of the first eighth of a block, the factors of the other seven: cosine and sine of the angle.
    factors: Vec<[[f64; 2]; 7]>,
}

/// What is done to the points before they are transformed: `(x − mean) · weight`.
#[derive(Clone, Copy)]
pub(super) struct Preparation<'a> {
    /// One for each point.
    pub(super) weights: &'a [f64],
    /// For the real parts of all lanes and then for the imaginary ones.
    pub(super) means: &'a [f64],
}

/// `cos φ` and `sin φ` for φ = −2π k / n.
fn factor(k: usize, n: usize) -> [f64; 2] {
    let (sin, cos) = (-TAU * (k % n) as f64 / n as f64).sin_cos();
    [cos, sin]
}

impl LaneFft {
    /// The shortest and the longest: shorter ones would have no pass of radix 8, and longer ones would outgrow the
    /// processor's second cache.
    const LENGTHS: std::ops::RangeInclusive<usize> = 32..=16_384;

    /// Transforms of `n` points, if this is for such: a power of two, neither very short nor very long.
    pub(super) fn new(n: usize) -> Option<Self> {
        if !Self::fits(n) {
            return None;
        }
        let (mut passes, mut leaf) = (vec![], n);
        while leaf > 16 {
            let part = leaf / 8;
            let factors = (0..part).map(|i| std::array::from_fn(|j| factor(i * (j + 1), leaf))).collect();
            passes.push(Pass { length: leaf, factors });
            leaf = part;
        }
        // Eighth `j` of a block holds the frequencies that are `j` steps further.
        let mut frequencies = vec![0_u32; n];
        let mut step = 1;
        for pass in &passes {
            for (place, f) in frequencies.iter_mut().enumerate() {
                *f += (place % pass.length / (pass.length / 8) * step) as u32;
            }
            step *= 8;
        }
        for (place, f) in frequencies.iter_mut().enumerate() {
            *f += (place % leaf * step) as u32;
        }
        let mut places = vec![0; n];
        for (place, f) in frequencies.into_iter().enumerate() {
            places[f as usize] = place as u32;
        }
        Some(Self { n, passes, leaf, places })
    }

    /// Whether transforms of `n` points are done here.
    pub(super) fn fits(n: usize) -> bool {
        n.is_power_of_two() && Self::LENGTHS.contains(&n)
    }

    /// Bytes of the plan of `n` points.
    pub(super) fn bytes(n: usize) -> u64 {
        // Factors of all passes, an eighth as many in each further one, and the frequencies.
        n as u64 * (16 + 4 + 4)
    }

    /// The powers of all lanes at `frequency`, 0 to n − 1, as [`Self::add_powers`] left them.
    #[inline]
    pub(super) fn powers_at<'p>(&self, powers: &'p [f64], frequency: usize) -> &'p [f64] {
        let lanes = powers.len() / self.n;
        &powers[self.places[frequency] as usize * lanes..][..lanes]
    }

    /// Transforms the prepared points of `data` and adds the square of the absolute value of each to `powers`.
    ///
    /// `data` is, for each point, the real parts of all lanes and then the imaginary ones; it is used up. `powers` is, for
    /// each frequency in an order of its own ([`Self::powers_at`]), a sum for each lane.
    pub(super) fn add_powers(&self, data: &mut [f64], preparation: Preparation<'_>, powers: &mut [f64]) {
        Arch::new().dispatch(AddPowers { fft: self, data, preparation, powers });
    }
}

/// Transforms that run at once.
pub(super) fn lanes() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F64_LANES
        }
    }
    Arch::new().dispatch(Lanes)
}

struct AddPowers<'a> {
    fft: &'a LaneFft,
    data: &'a mut [f64],
    preparation: Preparation<'a>,
    powers: &'a mut [f64],
}

impl WithSimd for AddPowers<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { fft, data, preparation, powers } = self;
        let (data, _) = S::as_mut_simd_f64s(data);
        let (powers, _) = S::as_mut_simd_f64s(powers);
        let (data, _) = data.as_chunks_mut::<2>();
        let Some((first, passes)) = fft.passes.split_first() else { return };
        step(simd, &mut data[..fft.n], &first.factors, &Prepare::<S>::new(preparation));
        for (at, powers) in (0..fft.n).step_by(fft.leaf).zip(powers.chunks_exact_mut(fft.leaf)) {
            for pass in passes {
                if at & (pass.length - 1) == 0 {
                    step(simd, &mut data[at..at + pass.length], &pass.factors, &AsTheyAre);
                }
            }
            let x = &data[at..at + fft.leaf];
            match fft.leaf {
                4 => leaf4(simd, x, powers),
                8 => leaf8(simd, x, powers),
                _ => leaf16(simd, x, powers),
            }
        }
    }
}

/// Real and imaginary parts of as many numbers as there are lanes.
type Lanes<S> = [<S as Simd>::f64s; 2];

/// How a pass takes its points.
trait Take<S: Simd> {
    fn take(&self, simd: S, x: Lanes<S>, i: usize) -> Lanes<S>;
}

struct AsTheyAre;

impl<S: Simd> Take<S> for AsTheyAre {
    #[inline(always)]
    fn take(&self, _: S, x: Lanes<S>, _: usize) -> Lanes<S> {
        x
    }
}

struct Prepare<'a, S: Simd> {
    weights: &'a [f64],
    means: Lanes<S>,
}

impl<'a, S: Simd> Prepare<'a, S> {
    #[inline(always)]
    fn new(preparation: Preparation<'a>) -> Self {
        let means = S::as_simd_f64s(preparation.means).0;
        Self { weights: preparation.weights, means: [means[0], means[1]] }
    }
}

impl<S: Simd> Take<S> for Prepare<'_, S> {
    #[inline(always)]
    fn take(&self, simd: S, x: Lanes<S>, i: usize) -> Lanes<S> {
        let x = sub(simd, x, self.means);
        let w = simd.splat_f64s(self.weights[i]);
        [simd.mul_f64s(x[0], w), simd.mul_f64s(x[1], w)]
    }
}

/// A pass over one block.
#[inline(always)]
fn step<S: Simd, T: Take<S>>(simd: S, block: &mut [Lanes<S>], factors: &[[[f64; 2]; 7]], take: &T) {
    let part = factors.len();
    let (p0, rest) = block.split_at_mut(part);
    let (p1, rest) = rest.split_at_mut(part);
    let (p2, rest) = rest.split_at_mut(part);
    let (p3, rest) = rest.split_at_mut(part);
    let (p4, rest) = rest.split_at_mut(part);
    let (p5, rest) = rest.split_at_mut(part);
    let (p6, p7) = rest.split_at_mut(part);
    let p7 = &mut p7[..part];
    for i in 0..part {
        let w = &factors[i];
        let y = dft8(
            simd,
            [
                take.take(simd, p0[i], i),
                take.take(simd, p1[i], i + part),
                take.take(simd, p2[i], i + 2 * part),
                take.take(simd, p3[i], i + 3 * part),
                take.take(simd, p4[i], i + 4 * part),
                take.take(simd, p5[i], i + 5 * part),
                take.take(simd, p6[i], i + 6 * part),
                take.take(simd, p7[i], i + 7 * part),
            ],
        );
        p0[i] = y[0];
        p1[i] = times(simd, y[1], w[0]);
        p2[i] = times(simd, y[2], w[1]);
        p3[i] = times(simd, y[3], w[2]);
        p4[i] = times(simd, y[4], w[3]);
        p5[i] = times(simd, y[5], w[4]);
        p6[i] = times(simd, y[6], w[5]);
        p7[i] = times(simd, y[7], w[6]);
    }
}

#[inline(always)]
fn leaf4<S: Simd>(simd: S, x: &[Lanes<S>], powers: &mut [S::f64s]) {
    let x = &x[..4];
    add_all(simd, dft4(simd, [x[0], x[1], x[2], x[3]]), powers);
}

#[inline(always)]
fn leaf8<S: Simd>(simd: S, x: &[Lanes<S>], powers: &mut [S::f64s]) {
    let x = &x[..8];
    add_all(simd, dft8(simd, [x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]]), powers);
}

/// Sixteen points as four times four; frequency `j + 4 q` is made of what is left at `j` in each of the first four.
#[inline(always)]
fn leaf16<S: Simd>(simd: S, x: &[Lanes<S>], powers: &mut [S::f64s]) {
    // cos(π/8) and sin(π/8).
    const C: f64 = 0.923_879_532_511_286_7;
    const D: f64 = 0.382_683_432_365_089_8;
    const R: f64 = FRAC_1_SQRT_2;
    let (x, powers) = (&x[..16], &mut powers[..16]);
    let a = dft4(simd, [x[0], x[4], x[8], x[12]]);
    let b = dft4(simd, [x[1], x[5], x[9], x[13]]);
    let c = dft4(simd, [x[2], x[6], x[10], x[14]]);
    let d = dft4(simd, [x[3], x[7], x[11], x[15]]);
    let y = dft4(simd, [a[0], b[0], c[0], d[0]]);
    add_every_fourth(simd, y, powers, 0);
    let (p, q, r) = (times(simd, b[1], [C, -D]), times(simd, c[1], [R, -R]), times(simd, d[1], [D, -C]));
    add_every_fourth(simd, dft4(simd, [a[1], p, q, r]), powers, 1);
    let (p, q, r) = (times(simd, b[2], [R, -R]), times(simd, c[2], [0.0, -1.0]), times(simd, d[2], [-R, -R]));
    add_every_fourth(simd, dft4(simd, [a[2], p, q, r]), powers, 2);
    let (p, q, r) = (times(simd, b[3], [D, -C]), times(simd, c[3], [-R, -R]), times(simd, d[3], [-C, D]));
    add_every_fourth(simd, dft4(simd, [a[3], p, q, r]), powers, 3);
}

#[inline(always)]
fn add_every_fourth<S: Simd>(simd: S, y: [Lanes<S>; 4], powers: &mut [S::f64s], first: usize) {
    for (i, z) in y.into_iter().enumerate() {
        powers[first + 4 * i] = add_power(simd, z, powers[first + 4 * i]);
    }
}

#[inline(always)]
fn add_all<S: Simd, const N: usize>(simd: S, y: [Lanes<S>; N], powers: &mut [S::f64s]) {
    for (z, p) in y.into_iter().zip(powers) {
        *p = add_power(simd, z, *p);
    }
}

#[inline(always)]
fn add_power<S: Simd>(simd: S, [re, im]: Lanes<S>, p: S::f64s) -> S::f64s {
    simd.mul_add_e_f64s(re, re, simd.mul_add_e_f64s(im, im, p))
}

#[inline(always)]
fn dft4<S: Simd>(simd: S, x: [Lanes<S>; 4]) -> [Lanes<S>; 4] {
    let (a, b) = (add(simd, x[0], x[2]), sub(simd, x[0], x[2]));
    let (c, d) = (add(simd, x[1], x[3]), sub(simd, x[1], x[3]));
    [add(simd, a, c), sub_turned(simd, b, d), sub(simd, a, c), add_turned(simd, b, d)]
}

#[inline(always)]
fn dft8<S: Simd>(simd: S, x: [Lanes<S>; 8]) -> [Lanes<S>; 8] {
    let even = [add(simd, x[0], x[4]), add(simd, x[1], x[5]), add(simd, x[2], x[6]), add(simd, x[3], x[7])];
    let even = dft4(simd, even);
    let (a, b) = (sub(simd, x[0], x[4]), sub(simd, x[1], x[5]));
    let (c, d) = (sub(simd, x[2], x[6]), sub(simd, x[3], x[7]));
    let root = simd.splat_f64s(FRAC_1_SQRT_2);
    // b (1 − i) / √2, and −i times that for d: what is missing is made up for by which of them are added.
    let b = [simd.mul_f64s(root, simd.add_f64s(b[0], b[1])), simd.mul_f64s(root, simd.sub_f64s(b[1], b[0]))];
    let d = [simd.mul_f64s(root, simd.sub_f64s(d[1], d[0])), simd.mul_f64s(root, simd.add_f64s(d[0], d[1]))];
    let (e, f) = (sub_turned(simd, a, c), add_turned(simd, a, c));
    let g = [simd.add_f64s(b[0], d[0]), simd.sub_f64s(b[1], d[1])];
    let h = [simd.sub_f64s(b[0], d[0]), simd.add_f64s(b[1], d[1])];
    let odd = [add(simd, e, g), sub_turned(simd, f, h), sub(simd, e, g), add_turned(simd, f, h)];
    [even[0], odd[0], even[1], odd[1], even[2], odd[2], even[3], odd[3]]
}

#[inline(always)]
fn add<S: Simd>(simd: S, a: Lanes<S>, b: Lanes<S>) -> Lanes<S> {
    [simd.add_f64s(a[0], b[0]), simd.add_f64s(a[1], b[1])]
}

#[inline(always)]
fn sub<S: Simd>(simd: S, a: Lanes<S>, b: Lanes<S>) -> Lanes<S> {
    [simd.sub_f64s(a[0], b[0]), simd.sub_f64s(a[1], b[1])]
}

/// `a − i b`.
#[inline(always)]
fn sub_turned<S: Simd>(simd: S, a: Lanes<S>, b: Lanes<S>) -> Lanes<S> {
    [simd.add_f64s(a[0], b[1]), simd.sub_f64s(a[1], b[0])]
}

/// `a + i b`.
#[inline(always)]
fn add_turned<S: Simd>(simd: S, a: Lanes<S>, b: Lanes<S>) -> Lanes<S> {
    [simd.sub_f64s(a[0], b[1]), simd.add_f64s(a[1], b[0])]
}

#[inline(always)]
fn times<S: Simd>(simd: S, [re, im]: Lanes<S>, [cos, sin]: [f64; 2]) -> Lanes<S> {
    let (cos, sin) = (simd.splat_f64s(cos), simd.splat_f64s(sin));
    [simd.negate_mul_add_e_f64s(im, sin, simd.mul_f64s(re, cos)), simd.mul_add_e_f64s(re, sin, simd.mul_f64s(im, cos))]
}

#[cfg(test)]
mod tests {
    use realfft::num_complex::Complex;
    use rustfft::FftPlanner;

    use super::*;

    #[test]
    fn powers_are_those_of_single_transforms() {
        let lanes = lanes();
        for n in [32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384] {
            let fft = LaneFft::new(n).unwrap();
            let mut state = 1_u64;
            let mut noise = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
            };
            let data: Vec<f64> = (0..2 * n * lanes).map(|_| noise()).collect();
            let weights: Vec<f64> = (0..n).map(|i| (i as f64 / n as f64 * 3.0).sin()).collect();
            let means: Vec<f64> = (0..2 * lanes).map(|_| noise()).collect();
            let before: Vec<f64> = (0..n * lanes).map(|_| noise()).collect();
            let mut powers = before.clone();
            let preparation = Preparation { weights: &weights, means: &means };
            fft.add_powers(&mut data.clone(), preparation, &mut powers);
            let single = FftPlanner::new().plan_fft_forward(n);
            for lane in 0..lanes {
                let part = |i: usize, l: usize| (data[2 * i * lanes + l] - means[l]) * weights[i];
                let mut z: Vec<_> = (0..n).map(|i| Complex::new(part(i, lane), part(i, lanes + lane))).collect();
                single.process(&mut z);
                for (f, z) in z.iter().enumerate() {
                    let expected = z.norm_sqr() + fft.powers_at(&before, f)[lane];
                    assert!((fft.powers_at(&powers, f)[lane] - expected).abs() < 1e-12 * n as f64, "{n} {lane} {f}");
                }
            }
        }
    }

    #[test]
    fn other_lengths_are_for_others() {
        assert!([0, 1, 16, 31, 33, 8191, 12_288, 32_768].into_iter().all(|n| LaneFft::new(n).is_none()));
    }
}

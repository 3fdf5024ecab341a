//! From rows of samples, one for each lane, to samples that lie side by side as the lanes of a vector do.

/// Samples in a row.
pub(super) const ROW: usize = 256;

/// Puts the samples of `rows`, [`ROW`] for each of `lanes` lanes, side by side into the real (`half` 0) or the imaginary
/// parts of `data`, which has for each point the real parts of all lanes and then the imaginary ones. There may be fewer
/// points than a row has samples.
pub(super) fn interleave(rows: &[f64], half: usize, lanes: usize, data: &mut [f64]) {
    #[cfg(target_arch = "x86_64")]
    if square::interleave(rows, half, lanes, data) {
        return;
    }
    for (i, point) in data.chunks_exact_mut(2 * lanes).enumerate() {
        for l in 0..lanes {
            point[half * lanes + l] = rows[l * ROW + i];
        }
    }
}

/// As many samples of as many lanes at a time, turned within the processor's vectors.
#[cfg(target_arch = "x86_64")]
mod square {
    use pulp::x86::{V3, V4};
    use pulp::{NullaryFnOnce, cast, f64x4, f64x8, i64x8};

    use super::ROW;

    pub(super) fn interleave(rows: &[f64], half: usize, lanes: usize, data: &mut [f64]) -> bool {
        match lanes {
            8 => V4::try_new().map(|v4| v4.vectorize(Eight { v4, rows, half, data })).is_some(),
            4 => V3::try_new().map(|v3| v3.vectorize(Four { v3, rows, half, data })).is_some(),
            _ => false,
        }
    }

    struct Eight<'a> {
        v4: V4,
        rows: &'a [f64],
        half: usize,
        data: &'a mut [f64],
    }

    impl NullaryFnOnce for Eight<'_> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            const L: usize = 8;
            let Self { v4, rows, half, data } = self;
            let low = cast!(i64x8(0, 8, 1, 9, 2, 10, 3, 11));
            let high = cast!(i64x8(4, 12, 5, 13, 6, 14, 7, 15));
            for (first, block) in data.chunks_exact_mut(2 * L * L).enumerate() {
                let mut x = [f64x8(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0); L];
                for (l, x) in x.iter_mut().enumerate() {
                    let mut samples = [0.0_f64; L];
                    samples.copy_from_slice(&rows[l * ROW + first * L..][..L]);
                    *x = cast!(samples);
                }
                // Three rounds of taking samples by turns from a row and from the one half the rows further.
                for _ in 0..3 {
                    let mut y = x;
                    for i in 0..L / 2 {
                        let (a, b) = (cast!(x[i]), cast!(x[i + L / 2]));
                        y[2 * i] = cast!(v4.avx512f._mm512_permutex2var_pd(a, low, b));
                        y[2 * i + 1] = cast!(v4.avx512f._mm512_permutex2var_pd(a, high, b));
                    }
                    x = y;
                }
                for (i, x) in x.iter().enumerate() {
                    let samples: [f64; L] = cast!(*x);
                    block[(2 * i + half) * L..][..L].copy_from_slice(&samples);
                }
            }
        }
    }

    struct Four<'a> {
        v3: V3,
        rows: &'a [f64],
        half: usize,
        data: &'a mut [f64],
    }

    impl NullaryFnOnce for Four<'_> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            const L: usize = 4;
            let Self { v3, rows, half, data } = self;
            let avx = v3.avx;
            for (first, block) in data.chunks_exact_mut(2 * L * L).enumerate() {
                let mut x = [f64x4(0.0, 0.0, 0.0, 0.0); L];
                for (l, x) in x.iter_mut().enumerate() {
                    let mut samples = [0.0_f64; L];
                    samples.copy_from_slice(&rows[l * ROW + first * L..][..L]);
                    *x = cast!(samples);
                }
                let [a, b, c, d] = [cast!(x[0]), cast!(x[1]), cast!(x[2]), cast!(x[3])];
                let (p, q) = (avx._mm256_unpacklo_pd(a, b), avx._mm256_unpackhi_pd(a, b));
                let (r, s) = (avx._mm256_unpacklo_pd(c, d), avx._mm256_unpackhi_pd(c, d));
                let turned: [[f64; L]; L] = [
                    cast!(avx._mm256_permute2f128_pd::<0x20>(p, r)),
                    cast!(avx._mm256_permute2f128_pd::<0x20>(q, s)),
                    cast!(avx._mm256_permute2f128_pd::<0x31>(p, r)),
                    cast!(avx._mm256_permute2f128_pd::<0x31>(q, s)),
                ];
                for (i, samples) in turned.iter().enumerate() {
                    block[(2 * i + half) * L..][..L].copy_from_slice(samples);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_the_lanes_lie_side_by_side() {
        for lanes in [1, 2, 4, 8] {
            for points in [32, ROW] {
                let rows: Vec<f64> = (0..lanes * ROW).map(|i| i as f64).collect();
                let mut data = vec![-1.0; 2 * lanes * points];
                interleave(&rows, 1, lanes, &mut data);
                for (i, point) in data.chunks_exact(2 * lanes).enumerate() {
                    assert!(point[..lanes].iter().all(|&x| x == -1.0));
                    assert!((0..lanes).all(|l| point[lanes + l] == (l * ROW + i) as f64));
                }
            }
        }
    }
}

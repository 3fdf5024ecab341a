//! Discrete prolate spheroidal (Slepian) sequences: the orthonormal tapers whose energy is most concentrated within
//! ±NW bins, as `scipy.signal.windows.dpss(n, NW, K, sym=True, return_ratios=True)` gives them, signs included.
//!
//! D. Slepian, "Prolate spheroidal wave functions … V: the discrete case", Bell Syst. Tech. J. 57 (1978), shows that they
//! are the eigenvectors of a symmetric tridiagonal matrix T (§2.2); D. B. Percival and A. T. Walden, "Spectral Analysis
//! for Physical Applications" (1993), §8.3, compute them so. Here the matrix is ((n² − 1)/4)·1 − T, whose *least*
//! eigenvalues are wanted: it is the Laplacian of a chain plus a diagonal that is not negative, so that the factors of
//! its Cholesky decomposition follow without cancellation, and sequences of millions of samples keep their digits. The
//! eigenvalues are bisected with Sturm's count, several at a time; the vectors follow from a factorisation that is
//! twisted where it is nearest to singular (K. V. Fernando, SIAM J. Matrix Anal. Appl. 18, 1997).
//!
//! Cost: some 60 passes over the samples for every eight tapers.

use std::f64::consts::PI;

use crate::error::{Error, Result};
use crate::task::Task;

/// Eigenvalues that are bisected at the same time: independent chains of divisions keep a vector unit busy.
const LANES: usize = 8;
/// A pivot is never nearer to zero than this, relative to the matrix.
const LEAST_PIVOT: f64 = 1e-30;
/// A bracket of doubles is narrowed to neighbours in less than this.
const MOST_HALVINGS: usize = 1100;

/// Which sequences, and how they share in a spectrum.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Slepian {
    /// NW: the half bandwidth in bins of the window; less than half the window.
    pub(super) half_bandwidth: f64,
    /// K: how many, from the most concentrated on.
    pub(super) count: usize,
    /// Each has a share by its concentration, and not all the same.
    pub(super) by_eigenvalue: bool,
}

impl Slepian {
    /// The tapers of `n` weights, each times the root of its share; the shares add up to one.
    ///
    /// # Errors
    /// When there are no such sequences, they are over the budget, or the task is cancelled.
    pub(super) fn scaled_tapers(self, n: usize, task: &Task) -> Result<Vec<Vec<f64>>> {
        let (mut tapers, concentrations) = dpss(n, self.half_bandwidth, self.count, task)?;
        let total: f64 = concentrations.iter().sum();
        for (taper, concentration) in tapers.iter_mut().zip(&concentrations) {
            let share = if self.by_eigenvalue { concentration / total } else { 1.0 / self.count as f64 };
            taper.iter_mut().for_each(|w| *w *= share.sqrt());
        }
        Ok(tapers)
    }
}

/// The `count` most concentrated sequences of `n` values, and the share of the energy of each within ±`nw` bins.
///
/// # Errors
/// When there are no such sequences, they are over the budget, or the task is cancelled.
pub fn dpss(n: usize, nw: f64, count: usize, task: &Task) -> Result<(Vec<Vec<f64>>, Vec<f64>)> {
    if n == 0 || count == 0 || count > n || !(nw > 0.0 && nw < n as f64 / 2.0) {
        return Err(Error::invalid(format!("there are no {count} tapers of {n} frames with a half bandwidth of {nw}"))
            .with_remedy("use a longer window, or a smaller bandwidth and fewer tapers"));
    }
    if n == 1 {
        return Ok((vec![vec![1.0]], vec![(2.0 * nw).min(1.0)]));
    }
    let _memory = task.budget().reserve(n as u64 * 8)?;
    let chain = Chain { n, factor: 2.0 * (PI * nw / n as f64).sin().powi(2) };
    let mut remainders = vec![0.0; n];
    let mut tapers = vec![];
    let mut concentrations = vec![];
    for (k, eigenvalue) in chain.least_eigenvalues(count, task)?.into_iter().enumerate() {
        if task.is_cancelled() {
            return Err(Error::cancelled());
        }
        let mut taper = chain.eigenvector(eigenvalue, &mut remainders);
        orient(&mut taper, k);
        concentrations.push(concentration(&taper, nw / n as f64));
        tapers.push(taper);
    }
    Ok((tapers, concentrations))
}

/// The matrix: 2·sin²(πW)·(middle − i)² on the diagonal, plus the Laplacian of a chain with the weights i·(n − i)/2.
struct Chain {
    n: usize,
    factor: f64,
}

impl Chain {
    /// The weight between places `i - 1` and `i`; zero beyond both ends.
    #[inline(always)]
    fn link(&self, i: usize) -> f64 {
        i as f64 * (self.n - i) as f64 * 0.5
    }

    #[inline(always)]
    fn diagonal(&self, i: usize) -> f64 {
        let from_middle = (self.n as f64 - 1.0) * 0.5 - i as f64;
        self.factor * from_middle * from_middle
    }

    /// A pivot of the matrix less a shift: what is left of the diagonal besides the link to the next place, and the link.
    #[inline(always)]
    fn pivot(remainder: f64, link: f64, scale: f64) -> f64 {
        let pivot = remainder + link;
        if pivot.abs() < LEAST_PIVOT * scale { -LEAST_PIVOT * scale } else { pivot }
    }

    /// How many eigenvalues are below each of `shifts`: the negative pivots (Sylvester's law of inertia).
    fn count_below(&self, shifts: &[f64; LANES]) -> [usize; LANES] {
        let scale = self.n as f64;
        let mut counts = [0; LANES];
        let mut carried = [0.0; LANES];
        for i in 0..self.n {
            let (diagonal, next) = (self.diagonal(i), self.link(i + 1));
            for lane in 0..LANES {
                let remainder = diagonal - shifts[lane] + carried[lane];
                let pivot = Self::pivot(remainder, next, scale);
                counts[lane] += usize::from(pivot < 0.0);
                carried[lane] = next * (remainder / pivot);
            }
        }
        counts
    }

    fn least_eigenvalues(&self, count: usize, task: &Task) -> Result<Vec<f64>> {
        let mut top = 1.0;
        while self.count_below(&[top; LANES])[0] < count {
            top *= 4.0;
        }
        let mut found = vec![];
        for first in (0..count).step_by(LANES) {
            let mut low = [0.0; LANES];
            let mut high = [top; LANES];
            for _ in 0..MOST_HALVINGS {
                if task.is_cancelled() {
                    return Err(Error::cancelled());
                }
                let middle: [f64; LANES] = std::array::from_fn(|lane| 0.5 * (low[lane] + high[lane]));
                if (0..LANES).all(|lane| middle[lane] <= low[lane] || middle[lane] >= high[lane]) {
                    break;
                }
                let below = self.count_below(&middle);
                for lane in 0..LANES {
                    if below[lane] > first + lane {
                        high[lane] = middle[lane];
                    } else {
                        low[lane] = middle[lane];
                    }
                }
            }
            found.extend(high.iter().take(count - first));
        }
        Ok(found)
    }

    /// The unit vector that belongs to `eigenvalue`. `remainders` is room for `n` numbers.
    fn eigenvector(&self, eigenvalue: f64, remainders: &mut [f64]) -> Vec<f64> {
        let (n, scale) = (self.n, self.n as f64);
        let mut carried = 0.0;
        for (i, kept) in remainders.iter_mut().enumerate() {
            let next = self.link(i + 1);
            *kept = self.diagonal(i) - eigenvalue + carried;
            carried = next * (*kept / Self::pivot(*kept, next, scale));
        }
        // The matrix is the same from both ends, so that the factors from behind are those from the front.
        let gap = |i: usize| remainders[i] + remainders[n - 1 - i] - self.diagonal(i) + eigenvalue;
        let twist = (0..n).min_by(|&a, &b| gap(a).abs().total_cmp(&gap(b).abs())).unwrap_or(0);
        let mut vector = vec![0.0; n];
        vector[twist] = 1.0;
        for i in (0..twist).rev() {
            let link = self.link(i + 1);
            vector[i] = vector[i + 1] * (link / Self::pivot(remainders[i], link, scale));
        }
        for i in twist + 1..n {
            let link = self.link(i);
            vector[i] = vector[i - 1] * (link / Self::pivot(remainders[n - 1 - i], link, scale));
        }
        let norm = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
        vector.iter_mut().for_each(|x| *x /= norm);
        vector
    }
}

/// Makes the vector exactly even or odd, as its order is, and gives it the sign that it has in scipy: an even one has a
/// positive mean, an odd one begins with a positive lobe.
fn orient(vector: &mut [f64], order: usize) {
    let n = vector.len();
    let even = order.is_multiple_of(2);
    let mirror = if even { 1.0 } else { -1.0 };
    for i in 0..n.div_ceil(2) {
        let value = 0.5 * (vector[i] + mirror * vector[n - 1 - i]);
        vector[i] = value;
        vector[n - 1 - i] = mirror * value;
    }
    let least = (1.0 / n as f64).max(1e-7);
    let sign = if even {
        vector.iter().sum::<f64>()
    } else {
        vector.iter().copied().find(|x| x * x > least).unwrap_or(vector[0])
    };
    if sign < 0.0 {
        vector.iter_mut().for_each(|x| *x = -*x);
    }
}

/// The share of the energy of a sequence within ±`w` cycles a frame: its eigenvalue under the kernel
/// sin(2πw·d) / (π·d), read off at its greatest value.
fn concentration(vector: &[f64], w: f64) -> f64 {
    let Some((at, peak)) = vector.iter().enumerate().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs())) else { return 0.0 };
    let term = |(i, x): (usize, &f64)| {
        let distance = i as f64 - at as f64;
        let kernel = if i == at { 2.0 * w } else { (2.0 * PI * w * distance).sin() / (PI * distance) };
        kernel * x
    };
    vector.iter().enumerate().map(term).sum::<f64>() / peak
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tapers_are_orthonormal_and_concentrated() {
        let task = Task::unattended();
        for (n, nw, count) in
            [(2, 0.7, 1), (3, 1.0, 2), (64, 4.0, 7), (501, 2.5, 20), (4096, 8.0, 15), (300_000, 4.0, 8)]
        {
            let (tapers, shares) = dpss(n, nw, count, &task).unwrap();
            for (a, first) in tapers.iter().enumerate() {
                for (b, second) in tapers.iter().enumerate() {
                    let product: f64 = first.iter().zip(second).map(|(x, y)| x * y).sum();
                    let wanted = f64::from(u8::from(a == b));
                    assert!((product - wanted).abs() < 1e-9, "{n} {nw}: {a}·{b} = {product}");
                }
            }
            assert!(shares.windows(2).all(|w| w[0] >= w[1] - 1e-12), "{shares:?}");
            assert!(shares.iter().all(|s| (0.0..=1.0 + 1e-12).contains(s)), "{shares:?}");
        }
        for (n, nw, count) in [(0, 1.0, 1), (8, 4.0, 2), (8, 0.0, 1), (8, f64::NAN, 1), (4, 1.0, 5), (4, 1.0, 0)] {
            assert!(dpss(n, nw, count, &task).is_err(), "{n} {nw} {count}");
        }
    }

    #[test]
    fn shares_add_up() {
        let task = Task::unattended();
        for by_eigenvalue in [true, false] {
            let slepian = Slepian { half_bandwidth: 4.0, count: 7, by_eigenvalue };
            let tapers = slepian.scaled_tapers(128, &task).unwrap();
            let total: f64 = tapers.iter().flatten().map(|w| w * w).sum();
            assert!((total - 1.0).abs() < 1e-12);
        }
    }
}

//! Second-order sections: how a filter of any order is computed without losing digits.
//!
//! A transfer function of order *n* is a product of ⌈n/2⌉ sections of two zeros and two poles. Poles are paired with the
//! zeros nearest to them, the pole nearest to the unit circle first, and the sections run from the tamest to the most
//! resonant, with all of the gain in the first: the `pairing="nearest"` of `scipy.signal.zpk2sos`, whose coefficients
//! come out.

use super::design::{C, Zpk};

/// `y[n] = b0·x[n] + b1·x[n-1] + b2·x[n-2] − a1·y[n-1] − a2·y[n-2]`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Section {
    pub b: [f64; 3],
    /// `a1` and `a2`; `a0` is 1.
    pub a: [f64; 2],
}

/// How small a disturbance must have become to count as forgotten.
const FORGOTTEN: f64 = 1e-15;
/// Frames that even the fastest filter is given to forget.
const LEAST_SETTLING: u64 = 32;

impl Section {
    /// The section of two zeros and two poles.
    fn of(zeros: [C; 2], poles: [C; 2]) -> Self {
        let quadratic = |r: [C; 2]| [-(r[0] + r[1]).re, (r[0] * r[1]).re];
        let (b, a) = (quadratic(zeros), quadratic(poles));
        Self { b: [1.0, b[0], b[1]], a }
    }

    /// Whether its poles are rather on the left of the plane, nearer to −1 than to 1: see [`super::cascade`].
    pub(super) fn is_plain(&self) -> bool {
        self.a[0] > 0.0
    }

    /// The state (of [`super::cascade`]) that goes with an input that has always been 1, and the output then.
    pub(super) fn steady(&self) -> ([f64; 2], f64) {
        let [b0, b1, b2] = self.b;
        let [a1, a2] = self.a;
        let output = ((b0 + b1) + b2) / ((1.0 + a1) + a2);
        if self.is_plain() {
            return ([output - b0, b2 - a2 * output], output);
        }
        ([output - b0, ((1.0 + a1) + 1.0) * output - ((b0 + b1) + b0)], output)
    }

    /// The distance of the outer pole from zero.
    fn radius(&self) -> f64 {
        let [a1, a2] = self.a;
        let discriminant = a1 * a1 - 4.0 * a2;
        if discriminant < 0.0 { a2.sqrt() } else { (a1.abs() + discriminant.sqrt()) / 2.0 }
    }

    /// The gain at `omega` radians a frame.
    fn gain_at(&self, omega: f64) -> f64 {
        let z = C::from_polar(1.0, -omega);
        let above = z * z * self.b[2] + z * self.b[1] + self.b[0];
        let below = z * z * self.a[1] + z * self.a[0] + 1.0;
        above.norm() / below.norm()
    }
}

/// The sections of `zpk`.
pub(super) fn sections(zpk: &Zpk) -> Vec<Section> {
    let (mut zeros, mut poles) = (zpk.zeros.clone(), zpk.poles.clone());
    let n = zeros.len().max(poles.len());
    let n = n + n % 2;
    zeros.resize(n, C::new(0.0, 0.0));
    poles.resize(n, C::new(0.0, 0.0));
    let (mut zeros, mut poles) = (halves(zeros), halves(poles));
    let mut sections = Vec::with_capacity(n / 2);
    while !poles.is_empty() {
        let pole = poles.remove(worst(&poles, |_| true));
        let (reals, real_zeros) = (count_reals(&poles), count_reals(&zeros));
        let section = if is_real(pole) && reals == 0 {
            // The last real pole stands alone, with a real zero.
            let zero = zeros.remove(nearest(&zeros, pole, is_real));
            Section::of([zero, C::new(0.0, 0.0)], [pole, C::new(0.0, 0.0)])
        } else if poles.len() + 1 == zeros.len() && !is_real(pole) && reals == 1 && real_zeros == 1 {
            // The real zero is kept for the real pole.
            let zero = zeros.remove(nearest(&zeros, pole, |z| !is_real(z)));
            Section::of([zero, zero.conj()], [pole, pole.conj()])
        } else {
            let other = if is_real(pole) { poles.remove(worst(&poles, is_real)) } else { pole.conj() };
            let zero = zeros.remove(nearest(&zeros, pole, |_| true));
            let second = if is_real(zero) { zeros.remove(nearest(&zeros, pole, is_real)) } else { zero.conj() };
            Section::of([zero, second], [pole, other])
        };
        sections.push(section);
    }
    sections.reverse();
    if let Some(first) = sections.first_mut() {
        first.b.iter_mut().for_each(|b| *b *= zpk.gain);
    }
    sections
}

fn is_real(r: C) -> bool {
    r.im == 0.0
}

fn count_reals(roots: &[C]) -> usize {
    roots.iter().filter(|r| is_real(**r)).count()
}

/// The upper one of each conjugate pair, in the order of their real parts, and behind them the real ones.
fn halves(mut roots: Vec<C>) -> Vec<C> {
    const ROUNDING: f64 = 100.0 * f64::EPSILON;
    roots.sort_by(|a, b| a.re.total_cmp(&b.re).then(a.im.abs().total_cmp(&b.im.abs())));
    let real = |r: &C| r.im.abs() <= ROUNDING * r.norm();
    let upper = roots.iter().filter(|r| !real(r) && r.im > 0.0);
    let lower = roots.iter().filter(|r| !real(r) && r.im < 0.0);
    // Both halves are computed; their mean is the better of the two.
    let mut halves: Vec<C> = upper.zip(lower).map(|(u, l)| (u + l.conj()) / 2.0).collect();
    halves.extend(roots.iter().filter(|r| real(r)).map(|r| C::new(r.re, 0.0)));
    halves
}

/// The root nearest to the unit circle among those that `may` be taken; the first of equals.
fn worst(roots: &[C], may: impl Fn(C) -> bool) -> usize {
    best(roots, may, |r| (1.0 - r.norm()).abs())
}

/// The root nearest to `to` among those that `may` be taken.
fn nearest(roots: &[C], to: C, may: impl Fn(C) -> bool) -> usize {
    best(roots, may, |r| (r - to).norm())
}

fn best(roots: &[C], may: impl Fn(C) -> bool, key: impl Fn(C) -> f64) -> usize {
    let mut best = (0, f64::INFINITY);
    for (i, &root) in roots.iter().enumerate().filter(|(_, r)| may(**r)) {
        if key(root) < best.1 {
            best = (i, key(root));
        }
    }
    best.0
}

/// Frames after which the filter has forgotten what was before; `None` if it never does: a pole is not inside the unit
/// circle, or a coefficient is no number.
pub(super) fn settling(sections: &[Section]) -> Option<u64> {
    let numbers = sections.iter().flat_map(|s| s.b.iter().chain(&s.a));
    if numbers.into_iter().any(|x| !x.is_finite()) {
        return None;
    }
    let radius = sections.iter().map(Section::radius).fold(0.0, f64::max);
    if radius >= 1.0 {
        return None;
    }
    let frames = FORGOTTEN.ln() / radius.ln();
    // A pole at zero forgets at once; one closer to 1 than can be told from it, never.
    let frames = if radius == 0.0 { 0.0 } else { frames };
    (frames < 1e15).then(|| frames.ceil() as u64 + LEAST_SETTLING)
}

/// The gain of the cascade at `omega` radians a frame.
pub(super) fn gain_at(sections: &[Section], omega: f64) -> f64 {
    sections.iter().map(|s| s.gain_at(omega)).product()
}

//! Designing recursive filters: analog prototype → band → bilinear transform, as zeros, poles and a gain.
//!
//! The classical way (Oppenheim and Schafer, *Discrete-Time Signal Processing*, chapter 7; Parks and Burrus, *Digital
//! Filter Design*, chapter 7): the poles of a Butterworth or Chebyshev low-pass of cut-off 1 rad/s are known in closed
//! form; a substitution of the variable makes a low-, high-, band-pass or band-stop of them at pre-warped frequencies, and
//! the bilinear transform takes these to the z-plane. Order, edges, ripple and gain mean what they mean in
//! `scipy.signal.butter`, `cheby1` and `cheby2`, and the results are theirs to rounding: `tests/filter.rs` compares them.
//!
//! Cut-offs are fractions of the Nyquist frequency, in 0..1.

use std::f64::consts::PI;

use rustfft::num_complex::Complex;

pub(super) type C = Complex<f64>;

/// The highest order of a prototype. Band-pass and band-stop filters have twice as many poles.
pub(super) const MAX_ORDER: u64 = 20;

/// Which frequencies pass; cut-offs as fractions of the Nyquist frequency.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Band {
    Low(f64),
    High(f64),
    Pass(f64, f64),
    Stop(f64, f64),
}

/// How the response passes from one band to the other.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Family {
    /// Flat in both bands; −3 dB at the cut-off.
    Butterworth,
    /// Ripples of so many decibels in the pass-band; that much below the peak at the cut-off.
    Chebyshev1 { ripple_db: f64 },
    /// Ripples in the stop-band, so many decibels below the pass-band, which begins at the cut-off.
    Chebyshev2 { attenuation_db: f64 },
}

/// Zeros, poles and gain of a transfer function. Complex ones stand with their conjugates.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Zpk {
    pub(super) zeros: Vec<C>,
    pub(super) poles: Vec<C>,
    pub(super) gain: f64,
}

/// The digital filter of `family` and `order` for `band`.
pub(super) fn design(family: Family, order: usize, band: Band) -> Zpk {
    let prototype = prototype(family, order);
    let analog = match band {
        Band::Low(edge) => prototype.low_pass(warped(edge)),
        Band::High(edge) => prototype.high_pass(warped(edge)),
        Band::Pass(low, high) => prototype.band_pass(warped(low), warped(high)),
        Band::Stop(low, high) => prototype.band_stop(warped(low), warped(high)),
    };
    analog.bilinear()
}

/// The analog frequency that the bilinear transform (at a rate of 2) takes to `edge`.
fn warped(edge: f64) -> f64 {
    4.0 * (PI * edge / 2.0).tan()
}

/// `-order + 1, -order + 3, … order - 1`, times π / (2 order): the angles of the poles.
fn angles(order: usize) -> impl Iterator<Item = f64> {
    let n = order as f64;
    (0..order).map(move |i| PI * (2.0 * i as f64 - n + 1.0) / (2.0 * n))
}

/// `a / b` by Smith's method (1962), as numpy divides: the naive way loses digits that poles next to 1 cannot spare.
fn quotient(a: C, b: C) -> C {
    if b.re.abs() >= b.im.abs() {
        let ratio = b.im / b.re;
        let scale = 1.0 / (b.re + b.im * ratio);
        C::new((a.re + a.im * ratio) * scale, (a.im - a.re * ratio) * scale)
    } else {
        let ratio = b.re / b.im;
        let scale = 1.0 / (b.im + b.re * ratio);
        C::new((a.re * ratio + a.im) * scale, (a.im * ratio - a.re) * scale)
    }
}

/// The square root with a positive real part, without the detour of angles.
fn root(z: C) -> C {
    let size = z.re.hypot(z.im);
    if size == 0.0 {
        return z;
    }
    let (re, im) = if z.re > 0.0 {
        let re = (0.5 * (size + z.re)).sqrt();
        (re, 0.5 * (z.im / re))
    } else {
        let im = (0.5 * (size - z.re)).sqrt();
        ((0.5 * (z.im / im)).abs(), im)
    };
    C::new(re, im.abs().copysign(z.im))
}

fn product(values: impl IntoIterator<Item = C>) -> C {
    values.into_iter().fold(C::new(1.0, 0.0), |a, b| a * b)
}

/// The low-pass with cut-off 1 rad/s.
fn prototype(family: Family, order: usize) -> Zpk {
    let n = order as f64;
    match family {
        Family::Butterworth => {
            let poles = angles(order).map(|t| -C::from_polar(1.0, t)).collect();
            Zpk { zeros: Vec::new(), poles, gain: 1.0 }
        }
        Family::Chebyshev1 { ripple_db } => {
            let epsilon = (10_f64.powf(0.1 * ripple_db) - 1.0).sqrt();
            let mu = (1.0 / epsilon).asinh() / n;
            let poles: Vec<C> = angles(order).map(|t| -C::new(mu, t).sinh()).collect();
            let mut gain = product(poles.iter().map(|p| -p)).re;
            if order.is_multiple_of(2) {
                // An even order has its ripple's low point at zero frequency.
                gain /= (1.0 + epsilon * epsilon).sqrt();
            }
            Zpk { zeros: Vec::new(), poles, gain }
        }
        Family::Chebyshev2 { attenuation_db } => {
            let delta = 1.0 / (10_f64.powf(0.1 * attenuation_db) - 1.0).sqrt();
            let mu = (1.0 / delta).asinh() / n;
            // An odd order has one zero at infinity: the one in the middle.
            let middle = if order.is_multiple_of(2) { None } else { Some(order / 2) };
            let zeros: Vec<C> = angles(order)
                .enumerate()
                .filter(|(i, _)| Some(*i) != middle)
                .map(|(_, t)| C::new(0.0, 1.0 / t.sin()))
                .collect();
            let poles: Vec<C> = angles(order)
                .map(|t| -C::from_polar(1.0, t))
                .map(|p| quotient(C::new(1.0, 0.0), C::new(mu.sinh() * p.re, mu.cosh() * p.im)))
                .collect();
            let gain = quotient(product(poles.iter().map(|p| -p)), product(zeros.iter().map(|z| -z))).re;
            Zpk { zeros, poles, gain }
        }
    }
}

impl Zpk {
    /// Poles less zeros: the zeros at infinity.
    fn degree(&self) -> usize {
        self.poles.len() - self.zeros.len()
    }

    /// What turning the frequency axis around does to the gain.
    fn turned_gain(&self) -> f64 {
        let zeros = product(self.zeros.iter().map(|z| -z));
        let poles = product(self.poles.iter().map(|p| -p));
        self.gain * quotient(zeros, poles).re
    }

    fn low_pass(mut self, edge: f64) -> Self {
        self.gain *= edge.powi(self.degree() as i32);
        self.zeros.iter_mut().chain(&mut self.poles).for_each(|r| *r *= edge);
        self
    }

    fn high_pass(self, edge: f64) -> Self {
        let turn = |r: &C| quotient(C::new(edge, 0.0), *r);
        let gain = self.turned_gain();
        let mut zeros: Vec<C> = self.zeros.iter().map(turn).collect();
        zeros.extend(std::iter::repeat_n(C::new(0.0, 0.0), self.degree()));
        Self { zeros, poles: self.poles.iter().map(turn).collect(), gain }
    }

    fn band_pass(self, low: f64, high: f64) -> Self {
        let (width, centre) = (high - low, (low * high).sqrt());
        let scaled = |roots: &[C]| split(roots.iter().map(|r| r * (width / 2.0)), centre);
        let mut zeros = scaled(&self.zeros);
        zeros.extend(std::iter::repeat_n(C::new(0.0, 0.0), self.degree()));
        let gain = self.gain * width.powi(self.degree() as i32);
        Self { zeros, poles: scaled(&self.poles), gain }
    }

    fn band_stop(self, low: f64, high: f64) -> Self {
        let (width, centre) = (high - low, (low * high).sqrt());
        let turned = |roots: &[C]| split(roots.iter().map(|r| quotient(C::new(width / 2.0, 0.0), *r)), centre);
        let gain = self.turned_gain();
        let mut zeros = turned(&self.zeros);
        zeros.extend(std::iter::repeat_n(C::new(0.0, centre), self.degree()));
        zeros.extend(std::iter::repeat_n(C::new(0.0, -centre), self.degree()));
        Self { zeros, poles: turned(&self.poles), gain }
    }

    /// To the z-plane, at a rate of 2 (a Nyquist frequency of 1).
    fn bilinear(self) -> Self {
        const TWICE_RATE: f64 = 4.0;
        let map = |r: &C| quotient(r + TWICE_RATE, -r + TWICE_RATE);
        let below = |roots: &[C]| product(roots.iter().map(|r| -r + TWICE_RATE));
        let gain = self.gain * quotient(below(&self.zeros), below(&self.poles)).re;
        let mut zeros: Vec<C> = self.zeros.iter().map(map).collect();
        // What was at infinity goes to the Nyquist frequency.
        zeros.extend(std::iter::repeat_n(C::new(-1.0, 0.0), self.degree()));
        Self { zeros, poles: self.poles.iter().map(map).collect(), gain }
    }
}

/// Every root becomes two, around ±`centre` on the imaginary axis.
fn split(roots: impl Iterator<Item = C> + Clone, centre: f64) -> Vec<C> {
    let centre = centre * centre;
    let root = |r: C| root(r * r - centre);
    roots.clone().map(|r| r + root(r)).chain(roots.map(|r| r - root(r))).collect()
}

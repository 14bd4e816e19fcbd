//! Rounding to integers. From 2²³ on, every `f32` is one.

/// 2²³.
const INTEGERS_FROM: f32 = 8388608.0;

/// The largest integer that is not above x.
pub fn floor(x: f32) -> f32 {
    if x.is_nan() || x.abs() >= INTEGERS_FROM {
        return x;
    }
    let truncated = x as i32 as f32;
    let floor = if truncated > x {
        truncated - 1.0
    } else {
        truncated
    };
    floor.copysign(x)
}

/// The nearest integer, the even one of two: what an addition of 2²³ leaves.
pub fn round_half_even(x: f32) -> f32 {
    if x.is_nan() || x.abs() >= INTEGERS_FROM {
        return x;
    }
    ((x.abs() + INTEGERS_FROM) - INTEGERS_FROM).copysign(x)
}

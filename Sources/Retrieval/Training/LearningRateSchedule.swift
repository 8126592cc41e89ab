internal import Glibc

/// How the learning rate runs over a training run.
public enum LearningRateSchedule: String, Sendable, CaseIterable {
    /// Linear warm-up to the peak, then linear decay to 0 at the last step.
    case linear
    /// Linear warm-up to the peak, then a half cosine down to 0 at the last step.
    case cosine
    /// Linear warm-up to the peak, then the peak.
    case constant

    /// The factor of the peak rate that step `step` (from 0) is taken with, in 0…1.
    ///
    /// With `w` warm-up steps of `n`: `step / w` before `w`; after it `(n − step) / (n − w)` for `linear`, and
    /// `(1 + cos(π · (step − w) / (n − w))) / 2` for `cosine`. Step 0 of a warm-up has rate 0, as in the peers.
    ///
    /// Source: transformers `get_linear_schedule_with_warmup`, `get_cosine_schedule_with_warmup`.
    public func factor(step: Int, warmupStepCount: Int, stepCount: Int) -> Double {
        if step < warmupStepCount { return Double(step) / Double(max(1, warmupStepCount)) }
        let remaining = Double(max(1, stepCount - warmupStepCount))
        switch self {
        case .linear:
            return max(0, Double(stepCount - step) / remaining)
        case .cosine:
            let progress = Double(step - warmupStepCount) / remaining
            return max(0, 0.5 * (1 + cos(.pi * progress)))
        case .constant:
            return 1
        }
    }
}

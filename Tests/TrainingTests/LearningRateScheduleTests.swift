import Testing
import Training

@Suite("Learning rate schedule")
struct LearningRateScheduleTests {
    @Test("linear: up from 0, down to 0", arguments: [(0, 0.0), (1, 0.25), (4, 1.0), (8, 0.5), (12, 0.0)])
    func linear(step: Int, factor: Double) {
        let computed = LearningRateSchedule.linear.factor(step: step, warmupStepCount: 4, stepCount: 12)
        #expect(abs(computed - factor) < 1e-12)
    }

    @Test("cosine: half way is half", arguments: [(2, 0.5), (4, 1.0), (8, 0.5), (12, 0.0)])
    func cosine(step: Int, factor: Double) {
        let computed = LearningRateSchedule.cosine.factor(step: step, warmupStepCount: 4, stepCount: 12)
        #expect(abs(computed - factor) < 1e-12)
    }

    @Test("constant after the warm-up, and no warm-up at all")
    func constant() {
        #expect(LearningRateSchedule.constant.factor(step: 900, warmupStepCount: 4, stepCount: 1000) == 1)
        #expect(LearningRateSchedule.linear.factor(step: 0, warmupStepCount: 0, stepCount: 10) == 1)
    }
}

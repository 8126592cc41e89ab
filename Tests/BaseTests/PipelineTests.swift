import Base
import Synchronization
import Testing

@Suite struct PipelineTests {
    struct Fault: Error {}

    @Test(arguments: [0, 1, 2, 7], [1, 2, 16])
    func resultsKeepTheOrderOfReading(workers: Int, window: Int) throws {
        var next = 0
        var results: [Int] = []
        try orderedPipeline(
            workers: workers, window: window,
            read: {
                next += 1
                return next <= 500 ? next : nil
            },
            transform: { (number: Int) in
                var generator = SplitMix64(seed: 1, UInt64(number))
                for _ in 0..<generator.next(below: 2000) { _ = generator.next() }
                return number * number
            },
            write: { results.append($0) })
        #expect(results == (1...500).map { $0 * $0 })
    }

    @Test func noMoreThanTheWindowIsInFlight() throws {
        let inFlight = Atomic(0)
        var read = 0
        var written = 0
        try orderedPipeline(
            workers: 2, window: 5,
            read: {
                #expect(read - written < 5)
                read += 1
                return read <= 200 ? read : nil
            },
            transform: { (number: Int) in
                inFlight.add(1, ordering: .relaxed)
                return number
            },
            write: { _ in written += 1 })
        #expect(written == 200)
        #expect(inFlight.load(ordering: .relaxed) == 200)
    }

    @Test(arguments: ["read", "transform", "write"], [0, 2])
    func theFirstErrorEndsIt(stage: String, workers: Int) {
        var next = 0
        #expect(throws: Fault.self) {
            try orderedPipeline(
                workers: workers, window: 4,
                read: {
                    next += 1
                    if stage == "read", next == 50 { throw Fault() }
                    return next <= 100 ? next : nil
                },
                transform: { (number: Int) in
                    if stage == "transform", number == 50 { throw Fault() }
                    return number
                },
                write: { number in
                    #expect(number <= 50)
                    if stage == "write", number == 50 { throw Fault() }
                })
        }
    }
}

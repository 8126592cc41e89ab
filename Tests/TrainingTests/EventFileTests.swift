import Base
import SystemPackage
import TestKit
import Testing
import Training

@Suite("TensorBoard's files")
struct EventFileTests {
    @Test("the test's own checksum is Castagnoli's")
    func checksum() {
        // RFC 3720, B.4, and the check value of the catalogue of CRC algorithms.
        #expect(EventReader.checksum(Array("123456789".utf8)) == 0xE306_9283)
        #expect(EventReader.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
    }

    private func entry(_ step: Int, _ value: Double = 0.25) -> EventEntry {
        var entry = EventEntry(step: step)
        entry.scalars = [("a", value), ("übung/β", -1.5e-9)]
        return entry
    }

    @Test("entries are read back by another reader, each with its step and its values")
    func entries() throws {
        let folder = try TemporaryFolder()
        let files = EventFiles(in: folder("events"), after: 0)
        #expect(!Files.exists(folder("events")))
        for step in [1, 127, 128, 1_000_000_000] { try files.append(entry(step, Double(step))) }
        var last = EventEntry(step: 1_000_000_001)
        let values: [Float] = [-1, 0, 0, 0.5, 3]
        last.histograms = [("scores", try #require(ScoreHistogram(of: values)))]
        try files.append(last)
        let events = try #require(EventReader.files(in: folder("events")).first)
        #expect(events.map(\.step) == [0, 1, 127, 128, 1_000_000_000, 1_000_000_001])
        #expect(events[0].version == "brain.Event:2" && events.allSatisfy { $0.wallTime > 1.6e9 && $0.session == nil })
        for event in events[1..<5] {
            #expect(event.scalars == ["a": Float(event.step), "übung/β": -1.5e-9])
        }
        let histogram = try #require(events[5].histograms["scores"])
        #expect(histogram.least == -1 && histogram.greatest == 3 && histogram.count == 5)
        #expect(histogram.sum == 2.5 && histogram.sumOfSquares == 10.25)
        #expect(histogram.counts.reduce(0, +) == 5 && histogram.limits.last == 3)
        #expect(histogram.limits.count == histogram.counts.count && histogram.counts.contains(2))
        #expect(zip(histogram.limits, histogram.limits.dropFirst()).allSatisfy { $0 < $1 })
    }

    @Test("a histogram of equal numbers has one interval; there is none of no numbers, or of NaN")
    func histograms() throws {
        let equal = try #require(ScoreHistogram(of: [2, 2, 2]))
        #expect(equal.counts == [3] && equal.limits.count == 1 && equal.limits[0] > 2)
        #expect(ScoreHistogram(of: []) == nil && ScoreHistogram(of: [1, .nan]) == nil)
    }

    @Test("a resumed run begins a new file; later steps and a torn entry are gone from the others")
    func resumed() throws {
        let folder = try TemporaryFolder()
        let path = folder("events")
        let first = EventFiles(in: path, after: 0)
        for step in 1...5 { try first.append(entry(step)) }
        let name = path.appending("events.out.tfevents.000001")
        var torn = try Files.readAll(name)
        torn.removeLast(7)
        try Files.replace(name, with: torn)
        try EventFiles(in: path, after: 3).append(entry(4, 8))
        try EventFiles(in: path, after: 4).append(entry(5, 8))
        let files = try EventReader.files(in: path)
        #expect(files.map { $0.map(\.step) } == [[0, 1, 2, 3], [0, 4, 4], [0, 5, 5]])
        // The second event of a later file has TensorBoard forget the step and those after it.
        #expect(files.map { $0[1].session } == [nil, 1, 1])
        #expect(files[1][2].scalars["a"] == 8 && files[2][2].scalars["a"] == 8)
        // A file without any figure left goes; so do all where a run starts anew.
        try EventFiles(in: path, after: 3).append(entry(4))
        #expect(try EventReader.files(in: path).map { $0.map(\.step) } == [[0, 1, 2, 3], [0, 4, 4]])
        try EventFiles(in: path, after: 0).append(entry(0))
        let anew = try EventReader.files(in: path)
        #expect(anew.map { $0.map(\.step) } == [[0, 0, 0]] && anew[0][1].session == 1)
    }

    @Test("a run's files hold what its metrics do, every step once, however often it was killed")
    func run() throws {
        let world = try TrainingMixingTests.world()
        let overrides = [
            "checkpoint_every=2", "datasets=[{name: tiny, weight: 3}, {name: small, weight: 1}]",
            "events.histograms_every=3",
        ]
        let run = world.folder("run")
        try TrainingRunTests.train(world, overrides, to: run)
        try TinyWorld.takeBackEnd(of: run)
        let report = try TrainingRunTests.train(world, overrides, to: run, resume: true)
        let files = try EventReader.files(in: run.appending("events"))
        #expect(files.count == 2)
        let events = files.flatMap(\.self).filter { !$0.scalars.isEmpty || !$0.histograms.isEmpty }
        #expect(events.map(\.step) == [1, 2, 3, 4, 5, 6])
        for (event, metrics) in zip(events, report.metrics) {
            let shares = metrics.shares.map { Double($0.queryCount) / 8 }
            #expect(shares.count == 2 && shares.reduce(0, +) == 1)
            let wanted: [String: Double] = [
                "train/loss": metrics.loss, "train/learning_rate": metrics.learningRate,
                "train/gradient_norm": metrics.gradientNorm,
                "memory/resident_mib": Double(try #require(metrics.residentByteCount)) / Double(1 << 20),
                "share/tiny": shares[0], "share/small": shares[1],
            ]
            for (tag, value) in wanted { #expect(event.scalars[tag] == Float(value), "\(tag)") }
            #expect(event.scalars["speed/tokens_per_second"] ?? 0 > 0)
            #expect(event.scalars["speed/examples_per_second"] ?? 0 > 0 && event.scalars.count == 8)
            #expect(metrics.shares.map(\.reference) == ["tiny", "small"] && metrics.queryCount == 8)
        }
        #expect(events.filter { !$0.histograms.isEmpty }.map(\.step) == [1, 3, 6])
        for event in events where !event.histograms.isEmpty {
            let (positive, negative) = (event.histograms["scores/positive"], event.histograms["scores/negative"])
            #expect(positive?.count == 8 && (1...248).contains(negative?.count ?? 0))
            // Vectors of length 1.
            #expect((positive?.greatest ?? 2) < 1.0001 && (negative?.least ?? -2) > -1.0001)
        }
        try TrainingRunTests.train(world, ["events.every=0"], to: world.folder("silent"))
        #expect(!Files.exists(world.folder("silent/events")))
    }
}

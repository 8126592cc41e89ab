import Base
import Encoding
import Inputs
import JSON
import Models
import Store
import SystemPackage
import TestKit
import Testing
import Vectors

/// Videos whose sound is heard among their pictures, against transformers' processor and model of Qwen2.5-Omni.
struct VideoSoundTests {
    private static let folder = Golden()("video-sound")
    private let parity: MediaParityTests
    private let golden: MediaGolden

    init() throws {
        parity = try MediaParityTests()
        golden = try MediaGolden("omni-heard", in: Self.folder)
    }

    private func store(isMeasured: Bool) throws -> MediaStore {
        try MediaStore(
            MediaStore.records(in: Self.folder), isMeasured: isMeasured, files: Self.folder.appending("files"))
    }

    /// How long a sound is, or whether there is one, may be known of a record, or found when it is decoded.
    @Test(arguments: [true, false]) func inputsAndVectorsAreThoseOfTheReference(isMeasured: Bool) throws {
        let store = try store(isMeasured: isMeasured)
        let loader = try InputLoader(workers: 1)
        for run in golden.runs {
            let model = try parity.load(golden, run.overrides)
            let planner = try parity.planner(model, store.dataset)
            let outputs = Dictionary(uniqueKeysWithValues: run.outputs.map { ($0.id, $0) })
            var count = 0
            try parity.forEachContent(in: store.dataset) { content in
                guard let output = outputs[content.id] else { return }
                count += 1
                let what = "\(run.name), \(String(decoding: content.id, as: UTF8.self))"
                let plan = try planner.plan(content, at: Place(path: "media"))
                try loader.submit([InputLoader.Job(plan, planner, at: Place(path: "media"))])
                let input = try loader.next()[0].get().input
                #expect(input.tokens == output.tokens, "\(what)")
                #expect(input.positions == output.positions, "\(what)")
                #expect(plan.wasTruncated == output.isCut, "\(what)")
            }
            #expect(count == run.outputs.count)
            let source = try RecordSource(store.dataset, .corpus, model)
            let (_, reader) = try DatasetEncoderTests().encode(
                source, model, into: parity.temporary("\(run.name)-\(isMeasured)")
            ) {
                $0.tokenBudget = 2000
                $0.workerCount = 2
            }
            for row in 0..<reader.count {
                guard let output = outputs[reader.id(row)] else { continue }
                #expect(parity.cosine(reader.vector(row), output.vector) >= 0.99999, "\(run.name), \(row)")
            }
        }
    }

    private func overrides(_ settings: [InputSettings.Key: String]) throws -> ModelCard.Overrides {
        var overrides = try #require(golden.runs.first).overrides
        for (key, value) in settings { try overrides.inputs.set(key, to: value) }
        return overrides
    }

    @Test("a video without sound is as if nobody listened; of others the sound is left out unless it is asked for")
    func silence() throws {
        let store = try store(isMeasured: true)
        let heard = try parity.planner(parity.load(golden, overrides([:])), store.dataset)
        let unheard = try parity.planner(parity.load(golden, overrides([.videoAudio: "false"])), store.dataset)
        try parity.forEachContent(in: store.dataset) { content in
            let (one, other) = try (
                heard.plan(content, at: Place(path: "media")), unheard.plan(content, at: Place(path: "media"))
            )
            let isSilent = content.id == Array("silent".utf8)
            #expect((one.input == other.input) == isSilent)
            #expect(one.media.count == other.media.count + (isSilent ? 0 : 1))
            let words = try heard.preview(content, at: Place(path: "media")).media
            #expect(words.contains { $0.hasPrefix("sound of the video of ") } == !isSilent, "\(words)")
        }
    }

    @Test("what cannot be heard is refused by name")
    func refusals() throws {
        let plain = try parity.load(golden, overrides([.chat: "false"]))
        let error = try #require(throws: Failure.self) { try InputForm(plain) }
        #expect(
            error.exitStatus == .badConfiguration && error.description.contains("video_audio is of a chat template"))

        let deaf = try MediaGolden("qwen2.5-vl")
        var settings = try #require(deaf.runs.first).overrides
        try settings.inputs.set(.videoAudio, to: "true")
        let folder = parity.temporary("deaf")
        try deaf.model.write(to: folder)
        let model = try EmbeddingModel(loading: folder, .encoding, overrides: settings)
        let refusal = try #require(throws: Failure.self) { try InputForm(model) }
        #expect(refusal.exitStatus == .badConfiguration && refusal.description.contains("video_audio"))
        try settings.inputs.set(.videoAudio, to: "false")
        _ = try InputForm(EmbeddingModel(loading: folder, .encoding, overrides: settings))
    }
}

import Base
import Foundation
import JSON
import Models
import Records
import SystemPackage
import TestKit
import Testing

import Inputs

/// What sounds amount to, from their lengths alone; no weight is there to be read.
@Suite struct SoundsPlanTests {
    /// A tiny model of EncodingTests, with the front end of the published one.
    struct Model {
        let planner: InputPlanner
        let tower: Tower

        /// - Parameter changes: to parts of `config.json`.
        init(_ name: String, _ changes: [String: JSONObject] = [:], in folder: FilePath) throws {
            let golden = try JSONValue.parse(
                file: sourceRoot.appending("Tests/EncodingTests/Golden/media/\(name).json"))
            try Files.makeDirectory(folder)
            for file in try #require(golden["files"]?.array) where file["name"]?.string != "chat_template.jinja" {
                let file = (name: try #require(file["name"]?.string), text: try #require(file["content"]?.string))
                try Files.replace(folder.appending(file.name), with: file.text)
            }
            var config = try #require(golden["config"]?.object)
            for (part, fields) in changes {
                var section = try #require(config[part]?.object)
                for (field, value) in fields { section[field] = value }
                config[part] = .object(section)
            }
            try Files.replace(folder.appending("config.json"), with: JSONValue.object(config).pretty())
            let side = ModelCard.Overrides.Side(prompt: "", maxLength: 16)
            let model = try EmbeddingModel(
                withoutWeightsOf: folder,
                overrides: .init(pooling: Poolings(.last), normalize: true, query: side, document: side))
            planner = InputPlanner(
                model.texts(of: .document), .document, try InputForm(model), ignoresMedia: false, mediaAdvice: "",
                mediaBytes: { _, _ in false })
            tower = try #require(model.text.towers.first { $0.name == .audio })
        }

        /// The plan of a sound alone.
        ///
        /// - Throws: `InputError` for one that the record does not describe, since there are no bytes of it.
        func plan(seconds: Double, rate: Int) throws -> InputPlan {
            var item = MediaReference.Item(digest: .of([]), size: 1)
            (item.duration, item.sampleRate) = (seconds, rate)
            return try planner.plan(Self.content(item), at: Place(path: "clip.wav"))
        }

        private static func content(_ item: MediaReference.Item) -> RecordContent {
            RecordContent(
                id: Array("d".utf8), text: nil, media: [.init(kind: .audio, reference: MediaReference(item))])
        }

        /// The plan of a sound at the rate of the front end.
        func plan(sampleCount: Int) throws -> Plan {
            let content = Self.content(MediaReference.Item(digest: .of([]), size: 1))
            return try Plan(
                planner.plan(content, extents: [.sound(sampleCount: sampleCount)], at: Place(path: "clip.wav")), tower)
        }
    }

    struct Plan: Equatable {
        var sampleCount, frameCount, rowCount, tokenCount: Int
        var isCut: Bool

        init(_ plan: InputPlan, _ tower: Tower) throws {
            let (media, item) = (try #require(plan.media.first), try #require(plan.input.media.first))
            guard case .sound(let sampleCount) = media.extent, case .sound(let frameCount) = media.processing else {
                throw InputError("no sound", at: Place(path: "plan"))
            }
            (self.sampleCount, self.frameCount, isCut) = (sampleCount, frameCount, media.isCut)
            (rowCount, tokenCount) = (try tower.rowCount(of: [item]), item.tokenCount)
        }
    }

    let temporary: TemporaryFolder
    let omni: Model
    let gemma: Model

    init() throws {
        temporary = try TemporaryFolder()
        omni = try Model(
            "omni",
            [
                "audio_config": ["n_window": 100, "max_source_positions": 1500],
                "text_config": ["max_position_embeddings": 8192],
            ], in: temporary("omni"))
        gemma = try Model("embedding-gemma2", in: temporary("gemma"))
    }

    struct Length: Decodable {
        var tower: String
        var samples: Int
        var frames: Int
        var rows: Int
        var tokens: Int
    }

    static let lengths = try! JSONDecoder().decode(
        [Length].self, from: Data(Golden().bytes("sounds/lengths.json")))

    @Test func lengthsAreThoseOfTheReference() throws {
        for wanted in Self.lengths {
            let model = wanted.tower == "omni" ? omni : gemma
            guard wanted.tokens > 0 else {
                #expect(throws: InputError.self) { try model.plan(sampleCount: wanted.samples) }
                continue
            }
            let plan = try model.plan(sampleCount: wanted.samples)
            #expect(plan.sampleCount == wanted.samples && !plan.isCut, "\(wanted)")
            #expect(plan.frameCount == wanted.frames && plan.rowCount == wanted.rows, "\(wanted)")
            #expect(plan.tokenCount == wanted.tokens, "\(wanted)")
        }
    }

    @Test func clipsThatAreTooShortAreRefused() throws {
        for (model, count) in [(omni, 321), (gemma, 161)] {
            #expect(try model.plan(sampleCount: count).tokenCount == 1)
            for short in [0, 1, count - 1] {
                let error = try #require(throws: InputError.self) { try model.plan(sampleCount: short) }
                #expect("\(error)".hasPrefix("clip.wav: "))
                #expect(error.reason.contains(" hears nothing in ") && error.offender == Array("d".utf8))
            }
        }
    }

    @Test func clipsThatAreTooLongAreCut() throws {
        let ofOmni = try omni.plan(sampleCount: 4_800_001)
        #expect(ofOmni.isCut && ofOmni.frameCount == 30_000 && ofOmni.tokenCount == 7500)
        let ofGemma = try gemma.plan(sampleCount: 480_001)
        #expect(ofGemma.isCut && ofGemma.tokenCount == 750)
    }

    @Test func whispersFrontEndTakesTheChunkOrTheClip() {
        let chunk = WhisperFrontEnd(keepsChunk: true)
        let clip = WhisperFrontEnd(keepsChunk: false)
        for (count, frames) in [(1, 1), (160, 1), (320, 2), (321, 3), (16_000, 100), (16_001, 101), (480_000, 3000)] {
            #expect(chunk.frameCount(sampleCount: count) == 3000)
            #expect(clip.frameCount(sampleCount: count) == frames)
        }
    }

    /// An odd window leaves chunks of an odd number of rows: pairs of rows reach across them.
    @Test func pairsOfRowsCrossChunks() throws {
        let model = try Model("omni", ["audio_config": ["n_window": 5]], in: temporary("odd"))
        let plan = try model.plan(sampleCount: 41 * 160)
        #expect(plan.frameCount == 41 && plan.rowCount == 21 && plan.tokenCount == 10)
    }

    @Test func otherRatesAreConverted() throws {
        for (count, rate, expected) in [
            (8000, 8000, 16_000), (44_100, 44_100, 16_000), (44_101, 44_100, 16_000), (44_102, 44_100, 16_001),
            (1, 48_000, 0), (2, 48_000, 1), (4, 48_000, 1), (1, 32_000, 1), (16_000, 16_000, 16_000), (0, 8000, 0),
            (Int.max / 1_000_000, 48_000, Int.max / 3_000_000), (1 << 60, 1, 1 << 62),
        ] {
            let got = MediaExtent.sampleCount(of: count, at: rate, resampledTo: 16_000)
            #expect(abs(got - expected) <= (count > 1 << 40 ? 1 : 0), "\(count) at \(rate): \(got)")
        }
        let plan = try Plan(omni.plan(seconds: 441_000 / 44_100.0, rate: 44_100), omni.tower)
        #expect(plan.sampleCount == 160_000 && plan.tokenCount == 250)
        #expect(try Plan(omni.plan(seconds: 10, rate: 8000), omni.tower) == plan)
        // Numbers that no sound has are as good as none: the bytes tell.
        for (seconds, rate) in [(-1, 8000), (1e10, 8000), (1, 0), (1, -1)] {
            let error = try #require(throws: InputError.self) { try omni.plan(seconds: seconds, rate: rate) }
            #expect(error.reason.contains("does not hold the item"))
        }
    }
}

import Base
import Foundation
import TestKit
import Testing

import Inputs

/// What sounds amount to, from their lengths alone.
@Suite struct SoundsPlanTests {
    static let omni = SoundPlanner(
        .whisper(WhisperFrontEnd(melCount: 128, chunkSeconds: 300, keepsChunk: false)), .omni(window: 100))
    static let gemma = SoundPlanner(.gemma(GemmaFrontEnd()), .gemma)
    static let place = Place(path: "clip.wav")

    struct Length: Decodable {
        var tower: String
        var samples: Int
        var frames: Int
        var chunks: [Int]
        var rows: Int
        var tokens: Int
    }

    static let lengths = try! JSONDecoder().decode(
        [Length].self, from: Data(Golden().bytes("sounds/lengths.json")))

    @Test func lengthsAreThoseOfTheReference() throws {
        for wanted in Self.lengths {
            let planner = wanted.tower == "omni" ? Self.omni : Self.gemma
            guard wanted.tokens > 0 else {
                #expect(throws: InputError.self) { try planner.plan(sampleCount: wanted.samples, at: Self.place) }
                continue
            }
            let plan = try planner.plan(sampleCount: wanted.samples, at: Self.place)
            #expect(plan.frameCount == wanted.frames && plan.chunks == wanted.chunks, "\(wanted)")
            #expect(plan.rowCount == wanted.rows && plan.tokenCount == wanted.tokens, "\(wanted)")
            #expect(!plan.isCut && plan.heardSampleCount == wanted.samples)
        }
    }

    @Test func clipsThatAreTooShortAreRefused() throws {
        #expect(Self.omni.leastSampleCount == 321)
        #expect(Self.gemma.leastSampleCount == 161)
        for (planner, count) in [(Self.omni, 321), (Self.gemma, 161)] {
            #expect(try planner.plan(sampleCount: count, at: Self.place).tokenCount == 1)
            for short in [0, 1, count - 1] {
                #expect {
                    try planner.plan(sampleCount: short, at: Self.place)
                } throws: {
                    "\($0)"
                        == "clip.wav: the sound has \(short) samples at a rate of 16,000, and the model needs "
                        + "\(count) to hear anything"
                }
            }
        }
    }

    @Test func clipsThatAreTooLongAreCut() throws {
        let omni = try Self.omni.plan(sampleCount: 4_800_001, at: Self.place)
        #expect(omni.isCut && omni.heardSampleCount == 4_800_000 && omni.frameCount == 30_000)
        #expect(omni.tokenCount == 7500 && omni.chunks == [Int](repeating: 200, count: 150))
        let gemma = try Self.gemma.plan(sampleCount: 480_001, at: Self.place)
        #expect(gemma.isCut && gemma.tokenCount == 750)
    }

    @Test func whispersEncoderTakesTheChunkOrTheClip() throws {
        let chunk = SoundPlanner(.whisper(WhisperFrontEnd(keepsChunk: true)), .whisper)
        let clip = SoundPlanner(.whisper(WhisperFrontEnd(keepsChunk: false)), .whisper)
        for (count, rows) in [(1, 1), (160, 1), (320, 1), (321, 2), (16_000, 50), (16_001, 51), (480_000, 1500)] {
            #expect(try chunk.plan(sampleCount: count, at: Self.place).rowCount == 1500)
            let plan = try clip.plan(sampleCount: count, at: Self.place)
            #expect(plan.rowCount == rows && plan.tokenCount == rows && plan.chunks == [plan.frameCount])
        }
        #expect(chunk.leastSampleCount == 1)
        #expect(throws: InputError.self) { try chunk.plan(sampleCount: 0, at: Self.place) }
    }

    /// An odd window leaves chunks of an odd number of rows: pairs of rows reach across them.
    @Test func pairsOfRowsCrossChunks() throws {
        let planner = SoundPlanner(.whisper(WhisperFrontEnd(keepsChunk: false)), .omni(window: 5))
        let plan = try planner.plan(sampleCount: 41 * 160, at: Self.place)
        #expect(plan.chunks == [10, 10, 10, 10, 1])
        #expect(plan.rowCount == 21 && plan.tokenCount == 10)
    }

    @Test func otherRatesAreConverted() throws {
        for (count, rate, expected) in [
            (8000, 8000, 16_000), (44_100, 44_100, 16_000), (44_101, 44_100, 16_000), (44_102, 44_100, 16_001),
            (1, 48_000, 0), (2, 48_000, 1), (4, 48_000, 1), (1, 32_000, 1), (16_000, 16_000, 16_000), (0, 8000, 0),
            (Int.max / 1_000_000, 48_000, Int.max / 3_000_000),
        ] {
            let got = SoundPlanner.sampleCount(of: count, at: rate, resampledTo: 16_000)
            #expect(abs(got - expected) <= (count > 1 << 40 ? 1 : 0), "\(count) at \(rate): \(got)")
        }
        let plan = try Self.omni.plan(seconds: 441_000 / 44_100.0, rate: 44_100, at: Self.place)
        #expect(plan.sampleCount == 160_000 && plan.tokenCount == 250)
        #expect(try Self.omni.plan(sampleCount: 80_000, rate: 8000, at: Self.place) == plan)
        for (seconds, rate) in [(-1, 8000), (Double.nan, 8000), (.infinity, 8000), (1e10, 8000), (1, 0), (1, -1)] {
            #expect(throws: InputError.self) { try Self.omni.plan(seconds: seconds, rate: rate, at: Self.place) }
            #expect(throws: InputError.self) {
                try Self.omni.plan(sampleCount: seconds == 1 ? 1 : -1, rate: rate, at: Self.place)
            }
        }
        #expect(try Self.omni.plan(sampleCount: 1 << 60, rate: 1, at: Self.place).isCut)
    }
}

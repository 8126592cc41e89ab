import Base
import JSON
import Models
import SystemPackage
import TestModels

/// Patches that are given as they are.
private struct GivenRows: MediaRows {
    let values: [Float]
    let rowCount: Int

    var rowWidth: Int { values.count / rowCount }

    func write(to rows: UnsafeMutableBufferPointer<Float>) { _ = rows.update(fromContentsOf: values) }
}

extension GeneratedModel {
    /// Goldens of models that also read images and videos.
    static let visionGoldens = goldens.appending("vision")

    private var inputs: [JSONValue] { reference["inputs"]!.array! }

    /// What a picture's patches hold.
    private var patchWidth: Int {
        let vision = reference["config"]!["vision_config"]!
        let side = vision["patch_size"]!.integer!
        return 3 * vision["temporal_patch_size"]!.integer! * side * side
    }

    /// `[3][tokens]` of each input, as the reference places them.
    var positions: [[[Int32]]] {
        inputs.map { $0["positions"]!.array!.map { axis in axis.array!.map { Int32($0.integer!) } } }
    }

    var media: [[MediaItem]] {
        inputs.enumerated().map { index, input in
            input["media"]!.array!.enumerated().map { number, item in
                let grid = item["grid"]!.array!.map { $0.integer! }
                return MediaItem(
                    .vision, .grid(time: grid[0], height: grid[1], width: grid[2]),
                    identity: SHA256Digest(bytes: [UInt8(index), UInt8(number)] + [UInt8](repeating: 0, count: 30)),
                    tokens: item["tokens"]!.array!.map { $0.array![0].integer!..<$0.array![1].integer! },
                    secondsPerStep: item["seconds"]?.double)
            }
        }
    }

    /// What the reference was given.
    ///
    /// - Parameter rules: place the tokens.
    func loadedInputs(_ rules: MediaRules?) -> [LoadedInput] {
        zip(texts, media).enumerated().map { index, input in
            let (tokens, media) = input
            let rows = media.enumerated().map { number, item in
                let count = item.shape.rowCount
                return GivenRows(
                    values: Self.values(
                        "rows.\(index).\(number)", seed: seed, count: count * patchWidth, center: 0, spread: 1.5),
                    rowCount: count)
            }
            let positions = media.isEmpty ? nil : rules?.positions?(tokens.count, media)
            return LoadedInput(ModelInput(tokens: tokens, media: media, positions: positions), rows: rows)
        }
    }
}

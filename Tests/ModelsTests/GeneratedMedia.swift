import Base
import JSON
import Models
import SystemPackage
import TestModels
import Tensors

/// A random model with towers of the goldens under `Golden/families/audio`, and what it is given.
struct GeneratedMedia {
    let model: GeneratedModel
    let inputs: [LoadedInput]

    /// Values by formula, as what a tower is given.
    struct Rows: MediaRows {
        let values: [Float]
        let rowCount: Int
        let rowWidth: Int

        func write(to rows: UnsafeMutableBufferPointer<Float>) { _ = rows.update(fromContentsOf: values) }
    }

    /// - Parameters:
    ///   - widths: numbers of a row, by tower.
    ///   - positions: where an input's tokens stand.
    init(
        _ name: String, widths: [Tower.Name: Int],
        positions: ((_ tokenCount: Int, _ media: [MediaItem]) -> [[Int32]])? = nil
    ) throws {
        let model = try GeneratedModel("audio/" + name)
        self.model = model
        inputs = model.reference["inputs"]!.array!.enumerated().map { index, given in
            let tokens = given["tokens"]?.array?.map { Int32($0.integer!) } ?? [1]
            var items: [MediaItem] = []
            var rows: [any MediaRows] = []
            for (number, entry) in given["media"]!.array!.enumerated() {
                let item = Self.item(entry)
                let width = widths[item.tower]!
                items.append(item)
                rows.append(
                    Rows(
                        values: GeneratedModel.values(
                            "media.\(index).\(number)", seed: model.seed, count: item.shape.rowCount * width, center: 0,
                            spread: 1),
                        rowCount: item.shape.rowCount, rowWidth: width))
            }
            return LoadedInput(
                ModelInput(tokens: tokens, media: items, positions: positions?(tokens.count, items)), rows: rows)
        }
    }

    private static func item(_ entry: JSONValue) -> MediaItem {
        let shape = entry["shape"]!.array!.map { $0.integer! }
        let tokens = entry["tokens"]?.array.map { [$0[0].integer!..<$0[1].integer!] } ?? []
        return MediaItem(
            entry["tower"]!.string == "audio" ? .audio : .vision,
            shape.count == 1 ? .frames(shape[0]) : .grid(time: shape[0], height: shape[1], width: shape[2]),
            identity: SHA256Digest.of([]), tokens: tokens.filter { !$0.isEmpty },
            secondsPerStep: entry["seconds"]?.double)
    }

    /// Items of a tower over all inputs, with what they hold.
    func items(of tower: Tower.Name) -> (items: [MediaItem], rows: [any MediaRows]) {
        let all = inputs.flatMap { zip($0.input.media, $0.rows) }.filter { $0.0.tower == tower }
        return (all.map(\.0), all.map(\.1))
    }
}

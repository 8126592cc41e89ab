import Archives
import Base
import JSON
import SystemPackage
import TestKit

/// The texts that `Golden/make-golden.py` encodes, made or read in the same way.
enum ParityCorpora {
    static func texts(_ name: String, golden: JSONValue) throws -> [[UInt8]] {
        switch name {
        case "verses":
            return try naveFields("beir/corpus.jsonl") { record in
                Array("\(record["title"]!.string!) \(record["text"]!.string!)".utf8)
            }
        case "queries": return try naveFields("beir/queries.jsonl") { Array($0["text"]!.string!.utf8) }
        case "mixed": return mixedLines(golden["mixed"]!)
        case "scalars": return everyScalar()
        default: throw Failure(.bug, "no parity corpus is called \(name)")
        }
    }

    private static func naveFields(_ file: String, _ text: (JSONValue) -> [UInt8]) throws -> [[UInt8]] {
        let nave = try SourceTree(sourceRoot.appending("datasets/nave/nave-beir.zip"))
        return try nave.open(file).readAll().split(separator: 0x0A).map { line in
            text(try JSONValue.parse(Array(line), path: file))
        }
    }

    /// Lines of scalars from all over Unicode, special strings and spaces, by the script's recipe.
    static func mixedLines(_ recipe: JSONValue) -> [[UInt8]] {
        var random = PlainSplitMix64(state: UInt64(recipe["seed"]!.integer!))
        let ranges = recipe["ranges"]!.array!.map { range in range.array!.map { $0.integer! } }
        let strings = recipe["strings"]!.array!.map { Array($0.string!.utf8) }
        var lines = recipe["fixed"]!.array!.map { Array($0.string!.utf8) }
        while lines.count < recipe["count"]!.integer! {
            var line: [UInt8] = []
            let favourite = ranges[random.below(ranges.count)]
            for _ in 0..<(1 + random.below(24)) {
                let kind = random.below(10)
                if kind < 2 {
                    line += strings[random.below(strings.count)]
                } else if kind < 4 {
                    line.append(0x20)
                } else {
                    let range = kind < 7 ? favourite : ranges[random.below(ranges.count)]
                    for _ in 0..<(1 + random.below(8)) {
                        line += utf8(range[0] + random.below(range[1] - range[0] + 1))
                    }
                }
            }
            if random.below(50) == 0 {
                let dense = line.filter { $0 != 0x20 }
                line = Array(repeatElement(dense, count: 1 + random.below(12)).joined())
            }
            lines.append(line)
        }
        return lines
    }

    /// Every scalar between letters and at the start of a word.
    private static func everyScalar() -> [[UInt8]] {
        let scalars = (0..<0x110000).filter { !(0xD800..<0xE000).contains($0) }.map(utf8)
        var texts: [[UInt8]] = []
        for (index, scalar) in scalars.enumerated() {
            if index % 64 == 0 { texts.append([]) }
            texts[texts.count - 1] += [0x61] + scalar + [0x62, 0x20] + scalar + [0x7A, 0x20]
        }
        return texts
    }

    private static func utf8(_ scalar: Int) -> [UInt8] { Array(UTF8.encode(Unicode.Scalar(UInt32(scalar))!)!) }
}

/// The generator of the script: the published SplitMix64, whose state is the seed itself.
private struct PlainSplitMix64 {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int((next() >> 11) % UInt64(bound)) }
}

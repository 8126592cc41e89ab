internal import Base
internal import Ingest
internal import JSON
internal import StoreFormat

/// The clips that annotations tell of: what their files may be called, the splits that they belong to, and what is said of
/// each.
///
/// Memory: the annotations' text and 16 bytes for each, some 200 bytes a clip and 100 a name: 40 MiB for the 200,000
/// sentences of MSR-VTT, 30 MiB for the 57,000 captions of AudioCaps.
struct ClipTable {
    /// A clip that a file of a certain name may be.
    struct Meaning {
        let clip: Int
        /// The form of the name, as reports call it.
        let form: StaticString
    }

    private var numbers: [[UInt8]: Int] = [:]
    private(set) var keys: [[UInt8]] = []
    private var meanings: [[UInt8]: [Meaning]] = [:]
    /// Of all clips, one after the other as they came; each points to the next of its clip.
    private var annotations = ByteColumn()
    private var nexts: [Int32] = []
    /// Of each clip.
    private var firsts: [Int32] = []
    private var lasts: [Int32] = []
    private var splits: [UInt64] = []
    private(set) var splitNames: [String] = []

    var clipCount: Int { keys.count }

    func clip(_ key: [UInt8]) -> Int? { numbers[key] }

    /// Adds a clip that is not there yet.
    ///
    /// - Returns: its number.
    mutating func addClip(_ key: [UInt8]) -> Int {
        let clip = keys.count
        numbers[key] = clip
        keys.append(key)
        firsts.append(-1)
        lasts.append(-1)
        splits.append(0)
        return clip
    }

    /// - Parameter name: of a file, without folders and ending.
    mutating func addName(_ name: [UInt8], of clip: Int, form: StaticString) {
        if meanings[name]?.contains(where: { $0.clip == clip }) == true { return }
        meanings[name, default: []].append(Meaning(clip: clip, form: form))
    }

    /// The clips that a file may be.
    func meanings(of name: [UInt8]) -> [Meaning] { meanings[name] ?? [] }

    /// - Parameter annotation: a JSON object.
    mutating func add(_ annotation: [UInt8], to clip: Int) {
        let number = Int32(annotations.count)
        annotations.append(annotation)
        nexts.append(-1)
        if lasts[clip] < 0 { firsts[clip] = number } else { nexts[Int(lasts[clip])] = number }
        lasts[clip] = number
    }

    /// Appends all that was said of a clip, as an array.
    func appendAnnotations(of clip: Int, to output: inout [UInt8]) {
        output.append(0x5B)
        var number = firsts[clip]
        while number >= 0 {
            annotations.withBytes(at: Int(number)) { output.append(contentsOf: $0) }
            number = nexts[Int(number)]
            if number >= 0 { output.append(0x2C) }
        }
        output.append(0x5D)
    }

    // MARK: - Splits

    /// - Throws: `Failure` for more than 64 splits.
    mutating func put(_ clip: Int, inSplit name: String) throws {
        var number = splitNames.firstIndex { $0.utf8.elementsEqual(name.utf8) }
        if number == nil {
            guard splitNames.count < 64 else {
                throw Failure(
                    .badData, "the annotations name more than 64 splits",
                    advice: "Are these the annotations of this dataset? It has a handful.")
            }
            number = splitNames.count
            splitNames.append(name)
        }
        splits[clip] |= 1 << UInt64(number!)
    }

    /// Whether a clip belongs to one of these splits; nil stands for all.
    func isIn(_ clip: Int, _ wanted: Set<String>?) -> Bool {
        guard let wanted else { return true }
        return splitNames.indices.contains { splits[clip] & 1 << UInt64($0) != 0 && wanted.contains(splitNames[$0]) }
    }
}

/// Which splits are taken, and which of them are for training.
struct ClipSplits {
    /// Nil for all.
    let wanted: Set<String>?
    /// What is judged relevant in these is a positive.
    let positives: Set<String>

    /// - Parameters:
    ///   - splits: those that are taken; none means all.
    ///   - positives: nil for `train`, if there is one.
    init(_ splits: [String], positives: [String]?) {
        wanted = splits.isEmpty ? nil : Set(splits)
        self.positives = Set(positives ?? ["train"])
    }

    func isWanted(_ split: String) -> Bool { wanted?.contains(split) ?? true }

    /// - Throws: `Failure` with status 64 for a name that no split has.
    static func check(_ given: [String], among known: [String]) throws {
        for name in given where !known.contains(where: { $0.utf8.elementsEqual(name.utf8) }) {
            throw Failure(
                .usage, "there is no split \"\(name)\"",
                advice: "The annotations have \(known.sorted().joined(separator: ", ")).")
        }
    }
}

extension RowRecords {
    /// Adds a query that asks for a document: judged relevant in splits, and a positive in those for training.
    func addQuery(_ line: RecordLine, for document: [UInt8], in splits: [String], _ rules: ClipSplits) throws {
        var line = line
        if splits.contains(where: { rules.positives.contains($0) }) {
            line.set("positive_document_ids", texts: [document])
        }
        try addQuery(line)
        guard let query = lastQueryID else { return }
        for split in splits { addJudgement(split: split, query: query, document: document, grade: 1) }
    }
}

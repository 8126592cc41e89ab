internal import Base
internal import Store
internal import StoreFormat
internal import Zstandard

/// What the shared dictionary saves, measured on a sample that is compressed both ways.
public struct DictionaryGain: Sendable, Equatable {
    /// Bytes of the sample's lines.
    public let sampleBytes: Int
    public let bytesWith: Int
    public let bytesWithout: Int

    /// The sample: up to 512 frames of the default size, spread evenly over the records.
    ///
    /// - Returns: nil where the records have no dictionary.
    init?(_ kind: RecordKind, of dataset: Dataset, in store: Store) throws {
        let table = dataset.table(kind)
        guard let dictionary = table.dictionaries.first, table.recordCount > 0 else { return nil }
        let options = WriterOptions()
        let bytes = try Files.readAll(store.path(of: dictionary.digest))
        let level = options.compressionLevel
        var with = try Compressor(level: level, dictionary: CompressionDictionary(bytes, level: level))
        var without = try Compressor(level: level)
        let frameCount = 512
        var sampleBytes = 0
        var withBytes = 0
        var withoutBytes = 0
        var start = 0
        for frame in 0..<frameCount {
            let first = max(start, table.recordCount * frame / frameCount)
            var lines: [UInt8] = []
            var ordinal = first
            let reader = try RecordReader(dataset)
            while ordinal < table.recordCount {
                let fits = try reader.withRecord(kind, ordinal) { line in
                    guard lines.isEmpty || lines.count + line.count + 1 <= options.frameBytes else { return false }
                    lines.append(contentsOf: line)
                    lines.append(UInt8(ascii: "\n"))
                    return true
                }
                guard fits else { break }
                ordinal += 1
            }
            guard !lines.isEmpty else { break }
            start = ordinal
            sampleBytes += lines.count
            var output: [UInt8] = []
            withBytes += try lines.withUnsafeBytes { try with.compress($0, appendingTo: &output) }
            withoutBytes += try lines.withUnsafeBytes { try without.compress($0, appendingTo: &output) }
        }
        self.sampleBytes = sampleBytes
        bytesWith = withBytes
        bytesWithout = withoutBytes
    }

    /// What is saved, as a share of the size without.
    public var savedShare: Double { bytesWithout == 0 ? 0 : 1 - Double(bytesWith) / Double(bytesWithout) }
}

public import Base
public import Processes
public import Rankings

/// A search by several processes, each of an equal share of the corpus: the results of one, and each touches the vectors of
/// its share only.
///
/// A share's results are the number of rows of each query, then its rows, then their scores' bits: 32-bit numbers in the
/// machine's order of bytes. Memory of the first process: queries × depth × 8 bytes of each process, mapped.
public struct JointSearch {
    private let search: ExactSearch
    private let work: JointWork

    public init(_ search: ExactSearch, _ work: JointWork) {
        (self.search, self.work) = (search, work)
    }

    /// Searches this process's share; the first one waits for the others and gives `emit` every query's results in the order
    /// of the queries' rows.
    ///
    /// - Parameter progress: of this process's share.
    /// - Returns: nil but for the first process.
    /// - Throws: `Failure` (69) where another process has ended; as ``ExactSearch/run(progress:_:)``.
    public func run(progress: Progress? = nil, _ emit: (RankedList) throws -> Void) throws -> SearchSummary? {
        guard work.isFirst else {
            try work.deliver { file in
                try searchShare(progress) { try file.write($0) }
            }
            return nil
        }
        let own = try ScratchFile()
        try searchShare(progress) { try own.append($0) }
        var shares = [SearchShare(try MappedFile(descriptor: own.descriptor, path: own.path), offset: 0)]
        try work.collect { _, file, offset in shares.append(SearchShare(file, offset: offset)) }
        let summary = try search.merge(
            {
                var best: [SearchEntry] = []
                for index in shares.indices { try shares[index].appendNext(to: &best) }
                return best
            }, emit)
        guard shares.allSatisfy(\.isAtEnd) else {
            throw Failure(.bug, "a share of the search has results of more queries than there are")
        }
        return summary
    }

    private func searchShare(
        _ progress: Progress?, _ write: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        var numbers: [UInt32] = []
        func flush() throws {
            try numbers.withUnsafeBytes { try write($0) }
            numbers.removeAll(keepingCapacity: true)
        }
        try search.searchShare(work.rank, of: work.size, progress) { best in
            try work.requireOthers()
            numbers.append(UInt32(best.count))
            for entry in best { numbers.append(entry.row) }
            for entry in best { numbers.append(entry.score.bitPattern) }
            if numbers.count >= 1 << 16 { try flush() }
        }
        try flush()
    }
}

/// A share's results, read query by query.
struct SearchShare {
    private let file: MappedFile
    private var offset: Int

    init(_ file: MappedFile, offset: Int) { (self.file, self.offset) = (file, offset) }

    var isAtEnd: Bool { offset == file.count }

    /// - Throws: `Failure` where the file ends early.
    mutating func appendNext(to best: inout [SearchEntry]) throws {
        let count = try number()
        guard count <= (file.count - offset) / 8 else { throw tooShort() }
        let bytes = file.bytes
        for index in 0..<count {
            let row = bytes.loadUnaligned(fromByteOffset: offset + index * 4, as: UInt32.self)
            let bits = bytes.loadUnaligned(fromByteOffset: offset + (count + index) * 4, as: UInt32.self)
            best.append((row, Float(bitPattern: bits)))
        }
        offset += count * 8
    }

    private mutating func number() throws -> Int {
        guard file.count - offset >= 4 else { throw tooShort() }
        defer { offset += 4 }
        return Int(file.bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    private func tooShort() -> Failure {
        Failure(.io, "\(file.path) ends before the results of all queries", advice: "Run the same command again.")
    }
}

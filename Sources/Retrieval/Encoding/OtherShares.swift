internal import Base
internal import JSON
internal import Processes
internal import SystemPackage
internal import Vectors

/// What a process hands to the first when its share is encoded: its parts, whose files are in the folder, and its counts.
struct DeliveredShare {
    var report: DatasetEncoder.Report
    var parts: [VectorsPart]

    private static let counts: [(key: String, count: any WritableKeyPath<DatasetEncoder.Report, Int> & Sendable)] = [
        ("records", \.recordCount), ("skipped", \.skippedCount), ("truncated", \.truncatedCount),
        ("empty", \.emptyCount), ("ignored_media", \.ignoredMediaCount), ("cut_sounds", \.cutSoundCount),
        ("faults", \.faultCount), ("tokens", \.tokenCount), ("parts", \.partCount),
    ]

    var json: JSONValue {
        var json: JSONObject = [:]
        for (key, count) in Self.counts { json[key] = JSONValue(report[keyPath: count]) }
        json["finished"] = .array(parts.map(\.record))
        return .object(json)
    }

    init(report: DatasetEncoder.Report, parts: [VectorsPart]) { (self.report, self.parts) = (report, parts) }

    init(_ json: JSONValue, from path: FilePath) throws {
        report = .init()
        for (key, count) in Self.counts {
            guard let value = json[key]?.integer else {
                throw InputError("no whole number", at: Place(path: path.string, field: key))
            }
            report[keyPath: count] = value
        }
        parts = try (json["finished"]?.array ?? []).map { try VectorsPart(record: $0, from: path) }
    }

    /// Adds what another process did.
    static func add(_ other: DatasetEncoder.Report, to report: inout DatasetEncoder.Report) {
        for (_, count) in counts { report[keyPath: count] += other[keyPath: count] }
    }
}

extension JointWork {
    func deliver(_ share: DeliveredShare) throws {
        let bytes = share.json.canonical()
        try deliver { try $0.write(bytes) }
    }
}

/// The shares of the other processes, as one sees them: whether they are there, and how far they have come.
struct OtherShares {
    private let work: JointWork?
    private let writer: VectorsWriter
    private let progress: Progress?
    private let shares: [[PartDivision.Part]]
    /// Of each process, how many of its parts have been counted as done.
    private var counted: [Int]
    private var lastLook = 0.0

    private static let secondsBetweenLooks = 0.5

    init(_ division: PartDivision, of work: JointWork?, _ writer: VectorsWriter, _ progress: Progress?) {
        (self.work, self.writer, self.progress) = (work, writer, progress)
        shares = division.shares
        counted = [Int](repeating: 0, count: shares.count)
    }

    /// Counts what they have done since; cheap enough for every batch.
    ///
    /// - Throws: `Failure` where a process has ended that this one needs.
    mutating func look() throws {
        guard let work else { return }
        try work.requireOthers()
        guard work.isFirst, let progress, Clock.seconds() - lastLook >= Self.secondsBetweenLooks else { return }
        lastLook = Clock.seconds()
        for process in 1..<work.size {
            while counted[process] < shares[process].count {
                let part = shares[process][counted[process]]
                guard writer.hasPart(part.index) else { break }
                progress.advance(by: part.ordinals.count)
                counted[process] += 1
            }
        }
    }

    /// Waits for all of them, and takes note of their parts.
    ///
    /// - Throws: `Failure` where one has ended, or has other parts than this process thinks.
    mutating func collect(adding report: inout DatasetEncoder.Report) throws {
        guard let work else { return }
        var found: [(process: Int, share: DeliveredShare)] = []
        try work.collect(meanwhile: { try look() }) { process, file, offset in
            let bytes = Array(file.bytes[offset...])
            found.append((process, try DeliveredShare(JSONValue.parse(bytes, path: file.path.string), from: file.path)))
        }
        for (process, share) in found {
            let wanted = shares[process]
            guard share.parts.map(\.index).sorted() == wanted.map(\.index) else {
                throw Failure(.bug, "process \(process) of \(work.size) has encoded other parts than its own")
            }
            share.parts.forEach(writer.accept)
            DeliveredShare.add(share.report, to: &report)
            progress?.advance(by: wanted[counted[process]...].reduce(0) { $0 + $1.ordinals.count })
        }
    }
}

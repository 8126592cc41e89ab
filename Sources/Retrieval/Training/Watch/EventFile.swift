internal import Base
public import SystemPackage

/// One entry of TensorBoard's: figures of a step.
public struct EventEntry: Sendable {
    public var step: Int
    public var scalars: [(tag: String, value: Double)] = []
    public var histograms: [(tag: String, histogram: ScoreHistogram)] = []

    public init(step: Int) { self.step = step }

    /// A message `Event` with one `Summary`. Source: TensorBoard, `compat/proto/event.proto`, `summary.proto`.
    func record(wallTime: Double) -> [UInt8] {
        var summary = ProtobufMessage()
        for (tag, value) in scalars {
            var item = ProtobufMessage()
            item.append(1, text: tag)
            item.append(2, float: Float(value))
            summary.append(1, message: item)
        }
        for (tag, histogram) in histograms {
            var item = ProtobufMessage()
            item.append(1, text: tag)
            item.append(5, message: Self.message(histogram))
            summary.append(1, message: item)
        }
        var event = Self.event(wallTime, step: step)
        event.append(5, message: summary)
        return event.bytes
    }

    private static func message(_ histogram: ScoreHistogram) -> ProtobufMessage {
        var message = ProtobufMessage()
        message.append(1, double: histogram.least)
        message.append(2, double: histogram.greatest)
        message.append(3, double: Double(histogram.count))
        message.append(4, double: histogram.sum)
        message.append(5, double: histogram.sumOfSquares)
        message.append(6, doubles: histogram.limits)
        message.append(7, doubles: histogram.counts.map(Double.init))
        return message
    }

    private static func event(_ wallTime: Double, step: Int) -> ProtobufMessage {
        var message = ProtobufMessage()
        message.append(1, double: wallTime)
        message.append(2, integer: step)
        return message
    }

    /// What every file begins with.
    static func version(wallTime: Double) -> [UInt8] {
        var message = event(wallTime, step: 0)
        message.append(3, text: "brain.Event:2")
        return message.bytes
    }

    /// Has a TensorBoard that reads along forget what it has of this step and later ones.
    static func restart(wallTime: Double, step: Int) -> [UInt8] {
        var session = ProtobufMessage()
        session.append(1, integer: 1)
        var message = event(wallTime, step: step)
        message.append(7, message: session)
        return message.bytes
    }

    /// The step of a record that was written here, nil for any other.
    static func step(of record: ArraySlice<UInt8>) -> Int? {
        // Field 1 is a double and takes nine bytes, then field 2 is a varint.
        let rest = record.dropFirst(9)
        guard record.first == 0x09, rest.first == 0x10 else { return nil }
        var value: UInt64 = 0
        for (position, byte) in rest.dropFirst().prefix(10).enumerated() {
            value |= UInt64(byte & 0x7F) << UInt64(7 * position)
            if byte < 0x80 { return Int(truncatingIfNeeded: Int64(bitPattern: value)) }
        }
        return nil
    }
}

/// The files in a run's folder `events` that TensorBoard reads: one a process, in the order of their names.
///
/// A resumed run begins a new file, with the word for TensorBoard to forget later steps; these are taken out of the files that
/// are there as well, so that whoever reads these finds no step twice. Each entry is one write; what a killed process left
/// of one is cut off by the next. Nothing is touched before the first entry: a run that is done stays as it is.
public final class EventFiles {
    private let folder: FilePath
    private let start: Int
    /// Nil before the first entry.
    private var path: FilePath?

    static let prefix = "events.out.tfevents."

    /// - Parameters:
    ///   - folder: made where there is none.
    ///   - step: the step to go on after; 0 to start anew.
    public init(in folder: FilePath, after step: Int) {
        self.folder = folder
        start = step
    }

    private func begin() throws -> FilePath {
        let step = start
        try Files.makeDirectory(folder)
        let names = try Files.list(folder).filter { $0.hasPrefix(Self.prefix) }
        for name in names.reversed() {
            let path = folder.appending(name)
            // A run that starts anew has nothing to keep, the figures of step 0 included.
            guard step > 0 else {
                try Files.remove(path)
                continue
            }
            guard let kept = Self.records(of: try Files.readAll(path), upTo: step) else { continue }
            if kept.isEmpty { try Files.remove(path) } else { try Files.replace(path, with: kept) }
        }
        let last = names.compactMap { Int($0.dropFirst(Self.prefix.count)) }.max() ?? 0
        let path = folder.appending(Self.prefix + padded(last + 1, to: 6))
        let now = Clock.epochSeconds()
        var bytes: [UInt8] = []
        RecordFraming.append(EventEntry.version(wallTime: now), to: &bytes)
        if !names.isEmpty {
            let first = step == 0 ? 0 : step + 1
            RecordFraming.append(EventEntry.restart(wallTime: now, step: first), to: &bytes)
        }
        try Files.replace(path, with: bytes)
        return path
    }

    /// What stays of a file; nil where all does, empty where it would hold no figures.
    private static func records(of bytes: [UInt8], upTo step: Int) -> [UInt8]? {
        let (records, byteCount) = RecordFraming.records(of: bytes)
        let kept = records.filter { EventEntry.step(of: bytes[$0]) ?? 0 <= step }
        guard kept.count < records.count || byteCount < bytes.count else { return nil }
        var output: [UInt8] = []
        for record in kept { RecordFraming.append(Array(bytes[record]), to: &output) }
        return kept.contains { EventEntry.step(of: bytes[$0]) ?? 0 > 0 } ? output : []
    }

    /// Adds an entry; it is in the file when this returns.
    public func append(_ entry: EventEntry) throws {
        var bytes: [UInt8] = []
        RecordFraming.append(entry.record(wallTime: Clock.epochSeconds()), to: &bytes)
        let target = try path ?? begin()
        path = target
        var file = try OutputFile(appendingTo: target)
        try file.write(bytes)
        try file.close()
    }
}

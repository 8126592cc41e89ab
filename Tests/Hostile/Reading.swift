import Archives
import Base
import Columns
import Ingest
import JSON
import MappedSources
import Media
import RawSources
import Records
import Store
import SystemPackage

/// What is done with a file of each kind: what the tools do.
enum Kind: String, CaseIterable {
    case jpeg, png, webp, gif, video, wav, mp3, ogg, zip, tar, parquet, arrow, jsonl, csv, json

    /// Names of its files in the material.
    func owns(_ name: String) -> Bool { name.hasPrefix(rawValue + "-") }
}

/// Reads one case after the other.
struct Reading {
    private let kind: Kind
    private let work: FilePath
    private let store: Store
    private var limits = MediaLimits()

    init(_ kind: Kind, work: FilePath) throws {
        self.kind = kind
        self.work = work
        store = try Store.create(at: work.appending("store"))
        limits.pixelCount = 1 << 22
        limits.pictureCount = 10_000
        limits.sampleCount = 1 << 22
        limits.seconds = 5
    }

    /// - Parameter skipsBadLines: of JSON Lines, so that those behind them are read.
    /// - Throws: what the readers throw; of several the last, if none can make anything of the file.
    func read(_ bytes: [UInt8], name: String, skipsBadLines: Bool) throws {
        switch kind {
        case .jpeg, .png, .webp, .gif:
            _ = try bytes.withUnsafeBytes { try Bitmap(decoding: $0, limits: limits, wholly: true) }
        case .video:
            try describe(bytes, .video)
            _ = try bytes.withUnsafeBytes { try Video.extent(of: $0, limits: limits) }
            try bytes.withUnsafeBytes { try Video.forEachPicture([0, 1, 2], decoding: $0, limits: limits) { _ in } }
            _ = try bytes.withUnsafeBytes { try Sound(decoding: $0, limits: limits) }
        case .wav, .mp3, .ogg:
            try describe(bytes, .audio)
            _ = try bytes.withUnsafeBytes { try Sound(decoding: $0, limits: limits) }
        case .zip:
            let path = try write(bytes)
            try either {
                try members(of: path)
            } or: {
                _ = try Conversions.beir(path, into: store, reference: "case")
            }
        case .tar:
            let path = try write(bytes)
            try either {
                try members(of: path)
            } or: {
                _ = try Conversions.samples([path], into: store, reference: "case")
            }
        case .parquet:
            let path = try write(bytes)
            try either {
                try rows(of: ParquetFile(path))
            } or: {
                _ = try Conversions.tevatron(queries: [], corpus: [path], into: store, reference: "case")
            }
        case .arrow:
            let path = try write(bytes)
            try either {
                try rows(of: ArrowFile(path))
            } or: {
                var options = RowOptions()
                (options.query, options.positives.texts) = (["question"], ["passage"])
                let source = try RowPlan([path], options).source()
                _ = try Conversions.source(source, into: store, reference: "case", options: IngestOptions())
            }
        case .jsonl:
            let path = try write(bytes)
            var options = IngestOptions()
            if skipsBadLines { options.badRecordLimit = 1000 }
            if name.contains("rows") {
                _ = try Conversions.rows([path], into: store, reference: "case", options: options)
            } else {
                _ = try Conversions.records(
                    queries: [], corpus: [path], into: store, reference: "case", options: options)
            }
        case .csv:
            let stream = try InputStream(write(bytes))
            let delimiter: UInt8 = name.hasSuffix("tsv") ? 0x09 : name.hasSuffix("ssv") ? 0x3B : 0x2C
            let isPlain = name.contains("plain")
            try lines(
                of: DelimitedReader(
                    stream, isPlain ? .tsv(columns: ["id", "text"]) : .csv(delimiter: delimiter), bufferByteCount: 100))
        case .json:
            let stream = try InputStream(write(bytes))
            try lines(
                of: JSONArrayReader(stream, member: name.contains("member") ? "data" : nil, bufferByteCount: 100))
        }
    }

    private func write(_ bytes: [UInt8]) throws -> FilePath {
        let path = work.appending("case")
        try Files.remove(path)
        var file = try OutputFile(creating: path)
        try file.write(bytes)
        try file.close()
        return path
    }

    /// Both are done, whatever becomes of the first.
    private func either(_ first: () throws -> Void, or second: () throws -> Void) throws {
        let results = [Result { try first() }, Result { try second() }]
        for case .failure(let error) in results where ExitStatus(for: error) == .bug { throw error }
        if results.allSatisfy({ (try? $0.get()) == nil }) { try results[1].get() }
    }

    private func describe(_ bytes: [UInt8], _ subject: MediaDescription.Subject) throws {
        let header = bytes.withUnsafeBytes { MediaHeader($0) }
        _ = (header.format, header.width, header.height)
        _ = try bytes.withUnsafeBytes { try MediaDescription(measuring: subject, of: .memory($0), limits: limits) }
    }

    private func members(of path: FilePath) throws {
        let reader = try MemberReader(path, hashing: true)
        while let name = try reader.next() {
            guard !name.hasPrefix("/"), !name.split(separator: "/").contains("..") else {
                throw Failure(.bug, "a member is called \(name)")
            }
            _ = try reader.readAll(limit: 64 << 20)
        }
        _ = try reader.finish()
    }

    private func rows(of file: any TableFile) throws {
        let pass = try file.tablePass(over: file.fields.map(\.name))
        var row: [UInt8] = []
        while let batch = try pass.next() {
            for index in 0..<batch.rowCount {
                row.removeAll(keepingCapacity: true)
                try batch.appendJSON(ofRow: index, to: &row) { bytes, _, output in output += "\(bytes.count)".utf8 }
            }
        }
    }

    /// Each line must be JSON: readers that make lines answer for them; elements are left to who parses them.
    private func lines(of source: some BatchSource) throws {
        let parser = JSONParser()
        defer { withExtendedLifetime(parser) {} }
        while let batch = try source.nextBatch() {
            if let fault = batch.faults.first { throw fault.error }
            try batch.forEachLine { line in
                _ = batch.place(line: line.number, byteOffset: line.byteOffset)
                do throws(JSONSyntaxError) {
                    _ = try parser.parsePadded(line.bytes)
                } catch {
                    guard kind == .json else { throw Failure(.bug, "the reader made a line that is no JSON: \(error)") }
                    throw Failure(.badData, "\(error)")
                }
            }
        }
        _ = try source.finish()
    }
}

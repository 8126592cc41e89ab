import Base
import Foundation
import Glibc
import JSON
import Records
import Store
import StoreFormat
import SystemPackage
import TestKit

/// A store made for one test, and the server that a user would start on it.
final class BrowsedStore {
    let folder: TemporaryFolder
    let store: Store

    init() throws {
        folder = try TemporaryFolder()
        store = try Store.create(at: folder("store"))
    }

    /// A link with what is known about it.
    struct Link {
        var document: Int
        var score: Float? = nil
    }

    /// Commits a version; positives and negatives by query.
    @discardableResult
    func commit(
        _ documents: [Document], _ queries: [Query], positives: [[Link]] = [], negatives: [[Link]] = [],
        judgements: [(split: String, query: Int, document: Int, grade: Float)] = [], media: [[UInt8]] = [],
        as reference: String = "sample"
    ) throws -> Dataset {
        let writer = try store.writer(
            reference: reference,
            provenance: Provenance(
                tool: "tvt-convert v2 0.1.0", options: ["frameBytes": 2048],
                inputs: [.init(uri: "corpus.jsonl", size: 12, sha256: .of(Array("corpus".utf8)))]))
        for document in documents {
            var line: [UInt8] = []
            document.appendJSONLine(to: &line)
            try document.id.withUnsafeBytes { id in
                try line.withUnsafeBytes { _ = try writer.appendDocument(id: id, record: $0) }
            }
        }
        for (number, query) in queries.enumerated() {
            var line: [UInt8] = []
            query.appendJSONLine(to: &line)
            func links(_ all: [[Link]]) -> [Link] { number < all.count ? all[number] : [] }
            try query.id.withUnsafeBytes { id in
                try line.withUnsafeBytes {
                    _ = try writer.appendQuery(
                        id: id, record: $0, positives: links(positives).map { UInt32($0.document) },
                        positiveScores: Self.scores(links(positives)),
                        negatives: links(negatives).map { UInt32($0.document) },
                        negativeScores: Self.scores(links(negatives)))
                }
            }
        }
        for (split, query, document, grade) in judgements {
            try writer.addJudgement(split: split, query: query, document: document, grade: grade)
        }
        for bytes in media { _ = try writer.add(MediaItem(bytes), as: .image) }
        return try writer.commit()
    }

    private static func scores(_ links: [Link]) -> ArraySlice<Float>? {
        let scores = links.compactMap(\.score)
        return scores.isEmpty ? nil : scores[...]
    }

    func serve(_ name: String = "sample", _ options: [String] = []) throws -> RunningServer {
        try RunningServer([name, "--store", store.root.string] + options, of: self)
    }
}

/// `tvt-store browse`, running on a port of its own.
final class RunningServer {
    private let process = Process()
    private let folder: TemporaryFolder
    /// Stays as long as it is served.
    private let store: BrowsedStore
    let port: UInt16
    /// What it printed when it was ready.
    let printed: String

    init(_ arguments: [String], of store: BrowsedStore) throws {
        self.store = store
        folder = try TemporaryFolder()
        let output = try folder.write([], to: "output")
        let errors = try folder.write([], to: "errors")
        process.executableURL = URL(fileURLWithPath: builtProducts.appending("tvt-store").string)
        process.arguments = ["browse"] + arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: output.string))
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: errors.string))
        try process.run()
        var text = ""
        while text.last != "\n" {
            guard process.isRunning else {
                throw Failure(.bug, "the server ended: \(try Files.readText(errors))")
            }
            usleep(5000)
            text = try Files.readText(output)
        }
        printed = text
        guard let port = text.split(whereSeparator: { !$0.isNumber }).last.flatMap({ UInt16($0) }) else {
            throw Failure(.bug, "no address in \(text)")
        }
        self.port = port
    }

    deinit {
        guard process.isRunning else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    var address: String { "http://127.0.0.1:\(port)" }
    var identifier: Int32 { process.processIdentifier }
    var errorText: String { (try? Files.readText(folder("errors"))) ?? "" }
    var isRunning: Bool { process.isRunning }

    /// Sends a signal and waits for the end.
    func end(_ signal: Int32 = SIGTERM) -> Int32 {
        kill(process.processIdentifier, signal)
        process.waitUntilExit()
        return process.terminationStatus
    }

    /// Asks without a browser.
    var client: Client { Client(port: port) }

    func ask(_ target: String, method: String = "GET", host: String? = nil, _ headers: [String: String] = [:]) throws
        -> Client.Answer
    { try client.ask(target, method: method, host: host, headers) }

    func json(_ target: String) throws -> JSONValue { try client.json(target) }

    func answer(toRaw request: [UInt8]) throws -> Client.Answer { try client.answer(toRaw: request) }
}

/// Asks a server on this machine over a socket, one request a connection.
struct Client: Sendable {
    let port: UInt16

    /// An answer of the server.
    struct Answer: Sendable {
        let status: Int
        /// By their names in lower case.
        let headers: [String: String]
        let body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }
        func json() throws -> JSONValue { try JSONValue.parse(body, path: "answer") }
    }

    /// Asks as a browser might not: the target goes out as it is.
    func ask(_ target: String, method: String = "GET", host: String? = nil, _ headers: [String: String] = [:]) throws
        -> Answer
    {
        var lines = ["\(method) \(target) HTTP/1.1", "Host: \(host ?? "127.0.0.1:\(port)")", "Connection: close"]
        lines += headers.map { "\($0.key): \($0.value)" }
        return try answer(toRaw: Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8))
    }

    func json(_ target: String) throws -> JSONValue {
        let answer = try ask(target)
        guard answer.status == 200 else { throw Failure(.bug, "\(target): \(answer.status) \(answer.text)") }
        return try answer.json()
    }

    /// Sends bytes and reads what comes until the server closes.
    func answer(toRaw request: [UInt8]) throws -> Answer {
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard socket >= 0 else { throw SystemError.last("make", "a socket") }
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let isConnected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else { throw SystemError.last("connect", "the server") }
        var sent = 0
        while sent < request.count {
            let count = request.withUnsafeBytes {
                send(socket, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw SystemError.last("send", "the server") }
            sent += count
        }
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = recv(socket, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            received += buffer[..<count]
        }
        return try Self.parsed(received)
    }

    private static func parsed(_ bytes: [UInt8]) throws -> Answer {
        let mark = Array("\r\n\r\n".utf8)
        var end = 0
        while end + 4 <= bytes.count, Array(bytes[end..<end + 4]) != mark { end += 1 }
        guard end + 4 <= bytes.count else { throw Failure(.bug, "no answer: \(escaped(bytes.prefix(80)))") }
        let lines = String(decoding: bytes[..<end], as: UTF8.self).components(separatedBy: "\r\n")
        let fields = lines.dropFirst().compactMap { line -> (String, String)? in
            guard let colon = line.firstIndex(of: ":") else { return nil }
            return (line[..<colon].lowercased(), line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces))
        }
        return Answer(
            status: Int(lines[0].split(separator: " ")[1]) ?? 0,
            headers: Dictionary(fields) { $0 + ", " + $1 }, body: Array(bytes[(end + 4)...]))
    }
}

/// An item as a record names it.
func named(_ bytes: [UInt8], format: String? = nil, name: String? = nil) -> MediaReference {
    MediaReference(.init(digest: .of(bytes), size: bytes.count, format: format, name: name))
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

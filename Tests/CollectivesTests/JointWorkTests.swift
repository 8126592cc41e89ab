import Base
import Foundation
import Processes
import Synchronization
import SystemPackage
import TestKit
import Testing

/// Processes that meet at files; threads stand for them, whose locks are as separate.
struct JointWorkTests {
    static func place(_ rank: Int, of size: Int) throws -> ProcessPlace {
        try #require(try ProcessPlace { ["RANK": "\(rank)", "WORLD_SIZE": "\(size)"][$0] })
    }

    /// Runs a body for each rank on a thread of its own; the errors, by rank.
    static func together(
        _ size: Int, on result: FilePath, _ body: @escaping @Sendable (JointWork) throws -> Void
    ) -> [(any Error)?] {
        let errors = Mutex([(any Error)?](repeating: nil, count: size))
        let group = DispatchGroup()
        for rank in 0..<size {
            group.enter()
            Thread {
                defer { group.leave() }
                do {
                    try body(JointWork(place(rank, of: size), on: result, purpose: "test"))
                } catch {
                    errors.withLock { $0[rank] = error }
                }
            }.start()
        }
        group.wait()
        return errors.withLock { $0 }
    }

    static let identity = SHA256Digest.of(Array("work".utf8))

    @Test func partsComeInOrderAndNothingIsLeft() throws {
        let folder = try TemporaryFolder()
        // What killed processes have left, and what is another result's.
        for name in [".run-1.part", ".run-2.process", ".run-2-1.part", ".run-7.part"] {
            try folder.write("old", to: name)
        }
        let parts = Mutex<[String]>([])
        let errors = Self.together(3, on: folder("run")) { work in
            try work.begin(Self.identity)
            guard work.isFirst else { return try work.deliver { try $0.write(Array("part \(work.rank)".utf8)) } }
            try work.collect { rank, file, offset in
                let text = String(decoding: file.bytes[offset...], as: UTF8.self)
                parts.withLock { $0.append("\(rank): \(text)") }
            }
        }
        #expect(errors.allSatisfy { $0 == nil }, "\(errors)")
        #expect(parts.withLock { $0 } == ["1: part 1", "2: part 2"])
        #expect(try Files.list(folder.path) == [".run-2-1.part"])
    }

    @Test func whoEndsIsNamed() throws {
        let folder = try TemporaryFolder()
        let errors = Self.together(3, on: folder("run")) { work in
            try work.begin(Self.identity)
            if work.rank == 2 { throw Failure(.badData, "enough") }
            if work.isFirst { return try work.collect { _, _, _ in } }
            while true {
                try work.requireOthers()
                usleep(10_000)
            }
        }
        let texts = errors.map { $0.map { "\($0)" } ?? "" }
        #expect(texts[0].contains("process 2 of 3 ended before the work was done"), "\(texts)")
        #expect(texts[1].contains("process 0 of 3 ended before the work was done"), "\(texts)")
    }

    @Test func otherWorkIsRefused() throws {
        let folder = try TemporaryFolder()
        let errors = Self.together(2, on: folder("run")) { work in
            try work.begin(SHA256Digest.of([UInt8(work.rank)]))
            try work.collect { _, _, _ in }
        }
        #expect((errors[1] as? Failure)?.exitStatus == .badConfiguration, "\(errors)")
        #expect((errors[0] as? Failure)?.exitStatus == .unavailable, "\(errors)")
    }

    @Test func optionsOfCopies() {
        let arguments = ["a", "--processes", "3", "--processes=4", "--processes-x", "b"]
        #expect(LocalProcesses.arguments(arguments[...], without: "--processes") == ["a", "--processes-x", "b"])
    }
}

import Base
import Foundation
import Processes
import Synchronization
import SystemPackage
import TestKit
import Testing

/// Processes that meet at files; threads stand for them, whose locks are as separate.
struct JointWorkTests {
    static func place(_ rank: Int, of size: Int, start: String? = nil) throws -> ProcessPlace {
        let variables = ["RANK": "\(rank)", "WORLD_SIZE": "\(size)", "TORCHELASTIC_RUN_ID": start]
        return try #require(try ProcessPlace { variables[$0] ?? nil })
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
        for name in [".run-1.part", ".run-2.process", ".run-2-1.part", ".run-7.part", "..run-7.part.0.tmp"] {
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

    /// The first process of one start and the second of another come first: each would have half of the files.
    @Test func oneOfTwoStartsWins() throws {
        let folder = try TemporaryFolder()
        let isRefused = DispatchSemaphore(value: 0)
        func start(_ name: String, _ rank: Int, _ body: @escaping @Sendable (JointWork) throws -> Void) -> Start {
            Start {
                try body(JointWork(Self.place(rank, of: 2, start: name), on: folder("run"), purpose: "test"))
            }
        }
        let hasBegun = DispatchSemaphore(value: 0)
        let first = start("a", 0) { work in
            hasBegun.signal()
            // Until the other start has ended.
            isRefused.wait()
            try work.begin(Self.identity)
            try work.collect { _, _, _ in }
        }
        hasBegun.wait()
        let others = [1, 0].map { start("b", $0) { try $0.begin(Self.identity) } }
        // A part of the other start, which is no part of this one.
        try folder.write(Self.identity.bytes + [1], to: ".run-1.part")
        let second = start("a", 1) { work in
            try work.begin(Self.identity)
            try work.deliver { try $0.write([2]) }
        }
        for other in others {
            let failure = try #require(other.end() as? Failure)
            #expect(failure.exitStatus == .locked, "\(failure)")
            let holder = "run is being made by process \(getpid()) (test, process 0 of 2"
            #expect(failure.message.contains(holder) && !failure.message.contains("\n"), "\(failure)")
        }
        isRefused.signal()
        #expect(first.end() == nil && second.end() == nil)
        #expect(try Files.list(folder.path).isEmpty)
    }

    /// A thread that stands for a process.
    private final class Start: Sendable {
        private let error = Mutex<(any Error)?>(nil)
        private let hasEnded = DispatchSemaphore(value: 0)

        init(_ body: @escaping @Sendable () throws -> Void) {
            Thread { [self] in
                do { try body() } catch { self.error.withLock { $0 = error } }
                hasEnded.signal()
            }.start()
        }

        /// Waits for it.
        func end() -> (any Error)? {
            hasEnded.wait()
            return error.withLock { $0 }
        }
    }

    @Test func remainsOfKilledProcessesGoWithTheNextThatWorksAlone() throws {
        let folder = try TemporaryFolder()
        for name in [".run-0.process", ".run-1.process", ".run-1.part", "..run-5.part.0.tmp", ".run-2-0.process"] {
            try folder.write("old", to: name)
        }
        do {
            let held = try FileLock(acquiring: folder(".run-0.process"), purpose: "test")
            try JointWork.removeRemains(beside: folder("run"))
            #expect(Files.exists(folder(".run-1.part")))
            withExtendedLifetime(held) {}
        }
        try JointWork.removeRemains(beside: folder("run"))
        #expect(try Files.list(folder.path) == [".run-2-0.process"])
    }

    @Test func optionsOfCopies() {
        let arguments = ["a", "--processes", "3", "--processes=4", "--processes-x", "b"]
        #expect(LocalProcesses.arguments(arguments[...], without: "--processes") == ["a", "--processes-x", "b"])
    }
}

import Base
import Glibc
import SystemPackage
import TestKit

@main struct Hostile {
    static func main() {
        do {
            try run(Array(CommandLine.arguments.dropFirst()))
        } catch {
            try? writeToStandardOutput("failed: \(error)\n")
            exit(ExitStatus.bug.rawValue)
        }
    }

    static func run(_ arguments: [String]) throws {
        if arguments.count == 3, arguments[0] == "material" {
            return try Material.make(from: FilePath(arguments[1]), in: FilePath(arguments[2]))
        }
        guard arguments.count == 5, let kind = Kind(rawValue: arguments[0]), let first = Int(arguments[1]),
            let count = Int(arguments[2])
        else { throw Failure(.usage, "tvt-hostile material ROOT FOLDER, or KIND FIRST COUNT MATERIAL WORK") }
        let material = FilePath(arguments[3])
        let names = try Files.list(material).filter { kind.owns($0) }
        guard !names.isEmpty else { throw Failure(.missingInput, "\(material) has no files for \(kind)") }
        let files = try names.map { try Files.readAll(material.appending($0)) }
        let work = FilePath(arguments[4])
        let reading = try Reading(kind, work: work)
        var acceptedCount = 0
        for number in first..<first + count {
            // At once, so that it is there when the process is killed.
            try writeToStandardOutput("\(kind) \(number)\n")
            var random = SplitMix64(seed: UInt64(number) &* 1_000_003 &+ UInt64(Kind.allCases.firstIndex(of: kind)!))
            let chosen = Int(random.next(below: UInt64(files.count)))
            let other = Int(random.next(below: UInt64(files.count)))
            let mutation = Mutation.allCases[number % Mutation.allCases.count]
            var bytes = mutation.apply(to: files[chosen], other: files[other], using: &random)
            if number % 3 == 0 {
                bytes =
                    try damagedInside(kind, names[chosen], files[chosen], mutation, work: work, using: &random) ?? bytes
            }
            alarm(10)
            do {
                try reading.read(bytes, name: names[chosen], skipsBadLines: number % 2 == 0)
                acceptedCount += 1
            } catch let error as any StatusError where error.exitStatus != .bug {
                // The file's fault, as it should be.
            }
            alarm(0)
        }
        try writeToStandardOutput(
            "done: \(acceptedCount) accepted, \(count - acceptedCount) refused, \(try peakKilobytes()) KiB\n")
    }

    /// Damage behind good checksums: of what a packed file holds, or of a name or the contents of a member; nil for others.
    private static func damagedInside(
        _ kind: Kind, _ name: String, _ bytes: [UInt8], _ mutation: Mutation, work: FilePath,
        using random: inout SplitMix64
    ) throws -> [UInt8]? {
        if let packing = Packing(name: name) {
            let plain = try packing.unpack(bytes, work: work)
            return try packing.pack(mutation.apply(to: plain, other: bytes, using: &random), work: work)
        }
        guard kind == .zip || kind == .tar else { return nil }
        var members = kind == .zip ? Material.dataset : Material.samples(Array("no image".utf8))
        let member = Int.random(in: 0..<members.count, using: &random)
        if Bool.random(using: &random) {
            let name = mutation.apply(to: Array(members[member].name.utf8), other: [], using: &random)
            members[member].name = String(decoding: name, as: UTF8.self)
        } else {
            members[member].contents = mutation.apply(to: members[member].contents, other: bytes, using: &random)
        }
        // There are names that no tar can be written with.
        return kind == .zip ? ZipFile(members).bytes : try? Material.tar(members, in: work)
    }

    /// Of this program. What `getrusage` tells begins with the peak of whoever started it.
    private static func peakKilobytes() throws -> Int {
        let status = try Files.readText("/proc/self/status")
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        guard let line, let peak = line.split(separator: " ").compactMap({ Int($0) }).first else {
            throw Failure(.bug, "/proc/self/status tells no VmHWM")
        }
        return peak
    }
}

import Base
import JSON
import SystemPackage
import TestKit
import Testing
import Vectors

private let card = SHA256Digest.of(Array("card".utf8))
private let dataset = SHA256Digest.of(Array("dataset".utf8))

private func description(dims: Int = 5, type: VectorType = .f32) -> VectorsDescription {
    VectorsDescription(
        side: .corpus, modelCard: card, dataset: dataset, datasetReference: "tiny", dims: dims, type: type,
        isNormalised: false, encoding: ["prompt": "passage: "], recordCount: 133)
}

/// Ids with everything that a line must not hold.
private func id(_ ordinal: Int) -> [UInt8] {
    let odd: [[UInt8]] = [[0x0A], [0x5C], [0x5C, 0x6E], [0x0D], [], [0xFF, 0x00], Array("é ".utf8)]
    return odd[ordinal % odd.count] + Array("\(ordinal)".utf8)
}

private func vector(_ ordinal: Int, dims: Int) -> [Float] {
    var random = SplitMix64(seed: 1, UInt64(ordinal))
    return (0..<dims).map { _ in Float(random.nextUnit() * 4 - 2) }
}

private func fill(_ writer: VectorsWriter, _ index: Int, _ ordinals: Range<Int>) throws {
    var part = try writer.part(index, ordinals)
    for ordinal in ordinals {
        try id(ordinal).withUnsafeBytes { id in
            try vector(ordinal, dims: writer.description.dims).withUnsafeBufferPointer {
                try part.append(id: id, vector: $0)
            }
        }
    }
    try writer.accept(part.commit(truncatedCount: index))
}

@Suite struct VectorsTests {
    @Test(arguments: [VectorType.f32, .f16], [1, 5, 64])
    func whatIsWrittenIsRead(type: VectorType, dims: Int) throws {
        let folder = try TemporaryFolder()
        let parts = [0..<40, 40..<40, 40..<133]
        let writer = try VectorsWriter(folder("v"), description(dims: dims, type: type))
        for (index, ordinals) in parts.enumerated() { try fill(writer, index, ordinals) }
        let manifest = try writer.finish(partIndices: parts.indices)
        #expect(manifest.count == 133)
        #expect(manifest.truncatedCount == 3)
        let reader = try VectorsReader(opening: folder("v"))
        #expect(reader.manifest == manifest)
        #expect(reader.count == 133)
        try reader.verify()
        for ordinal in 0..<133 {
            #expect(reader.id(ordinal) == id(ordinal))
            let expected = vector(ordinal, dims: dims).map { type == .f32 ? $0 : Float(Float16($0)) }
            #expect(reader.vector(ordinal) == expected)
        }
        #expect(
            try Files.list(folder("v")) == [
                ".lock", "part-00000.ids", "part-00000.npy", "part-00001.ids", "part-00001.npy", "part-00002.ids",
                "part-00002.npy", "vectors.json",
            ])
    }

    /// What has to be in place before a folder is finished; where that fails it is not.
    @Test func aFolderIsPreparedBeforeItIsFinished() throws {
        let folder = try TemporaryFolder()
        let writer = try VectorsWriter(folder("v"), description())
        try fill(writer, 0, 0..<10)
        let error = #expect(throws: Failure.self) {
            try writer.finish(partIndices: [0]) { manifest in
                #expect(manifest.count == 10 && !Files.exists(folder("v/vectors.json")))
                throw Failure(.io, "no")
            }
        }
        #expect(error?.message == "no" && !Files.exists(folder("v/vectors.json")))
        #expect(try writer.finishedPart(0, 0..<10) != nil)
        #expect(try writer.finish(partIndices: [0]).count == 10)
    }

    /// Every float16 number is widened exactly; infinities and NaNs cannot pass for numbers.
    @Test func everyHalfNumberIsWidened() throws {
        let folder = try TemporaryFolder()
        let all = (0..<65536).map { Float(Float16(bitPattern: UInt16($0))) }
        let finite = all.filter(\.isFinite)
        let writer = try VectorsWriter(folder("v"), description(dims: finite.count, type: .f16))
        var part = try writer.part(0, 0..<1)
        try finite.withUnsafeBufferPointer { vector in
            try [UInt8("x".utf8.first!)].withUnsafeBytes { try part.append(id: $0, vector: vector) }
        }
        try writer.accept(part.commit(truncatedCount: 0))
        _ = try writer.finish(partIndices: [0])
        let read = try VectorsReader(opening: folder("v")).vector(0)
        #expect(read.map(\.bitPattern) == finite.map(\.bitPattern))
        // Put an infinity and a NaN where two numbers were.
        let path = folder("v").appending("part-00000.npy")
        var bytes = try Files.readAll(path)
        let start = bytes.count - finite.count * 2
        bytes.replaceSubrange(start..<start + 4, with: [0x00, 0x7C, 0x01, 0xFE])
        try Files.replace(path, with: bytes)
        let damaged = try VectorsReader(opening: folder("v"))
        #expect(!damaged.vector(0)[0].isFinite && !damaged.vector(0)[1].isFinite)
        #expect(throws: InputError.self) { try damaged.verify() }
    }

    @Test(arguments: [Float.nan, .infinity, 65520])
    func numbersThatHaveNoPlace(value: Float) throws {
        let folder = try TemporaryFolder()
        let writer = try VectorsWriter(folder("v"), description(dims: 1, type: .f16))
        var part = try writer.part(0, 0..<1)
        var message = ""
        do {
            try [UInt8(65)].withUnsafeBytes { id in
                try [value].withUnsafeBufferPointer { try part.append(id: id, vector: $0) }
            }
        } catch let error as Failure {
            message = error.description
        }
        #expect(message.contains("\"A\""))
    }

    /// A process that stops leaves finished parts, which the next takes over; others are written again.
    @Test func resumesAfterAnyPart() throws {
        let parts = [0..<10, 10..<20, 20..<25]
        let whole = try TemporaryFolder()
        let writer = try VectorsWriter(whole("v"), description())
        for (index, ordinals) in parts.enumerated() { try fill(writer, index, ordinals) }
        _ = try writer.finish(partIndices: parts.indices)
        for done in 0...3 {
            let folder = try TemporaryFolder()
            do {
                let first = try VectorsWriter(folder("v"), description())
                for index in 0..<done { try fill(first, index, parts[index]) }
                if done < 3 {
                    var abandoned = try first.part(done, parts[done])
                    try id(0).withUnsafeBytes { id in
                        try vector(0, dims: 5).withUnsafeBufferPointer { try abandoned.append(id: id, vector: $0) }
                    }
                }
            }
            #expect(throws: Failure.self) { try VectorsReader(opening: folder("v")) }
            try folder.write("left by a killed process", to: "v/.part-00009.npy.1.tmp")
            let second = try VectorsWriter(folder("v"), description())
            for (index, ordinals) in parts.enumerated() {
                let finished = try second.finishedPart(index, ordinals)
                #expect((finished != nil) == (index < done))
                #expect(try second.finishedPart(index, ordinals.lowerBound..<ordinals.upperBound + 1) == nil)
                if finished == nil { try fill(second, index, ordinals) }
            }
            _ = try second.finish(partIndices: parts.indices)
            let names = try Files.list(whole("v"))
            #expect(try Files.list(folder("v")) == names)
            for name in names where name != ".lock" {
                #expect(
                    try Files.readAll(folder("v").appending(name)) == Files.readAll(whole("v").appending(name)),
                    "\(name)")
            }
        }
    }

    /// Of a finished folder whose parts change, those that stay are known to the next process.
    @Test func aFolderThatIsChangedKeepsItsOtherParts() throws {
        let folder = try TemporaryFolder()
        let parts = [0..<10, 10..<20]
        do {
            let writer = try VectorsWriter(folder("v"), description())
            for (index, ordinals) in parts.enumerated() { try fill(writer, index, ordinals) }
            _ = try writer.finish(partIndices: parts.indices)
        }
        do {
            let killed = try VectorsWriter(folder("v"), description())
            _ = try killed.part(0, parts[0])
        }
        #expect(!Files.exists(folder("v/vectors.json")))
        let next = try VectorsWriter(folder("v"), description())
        #expect(try next.finishedPart(0, parts[0]) == nil && next.finishedPart(1, parts[1]) != nil)
    }

    @Test func finishedFoldersAreKnown() throws {
        let folder = try TemporaryFolder()
        do {
            let writer = try VectorsWriter(folder("v"), description())
            try fill(writer, 0, 0..<10)
            _ = try writer.finish(partIndices: [0])
            #expect(throws: Failure.self) { try VectorsWriter(folder("v"), description()) }
        }
        var renamed = description()
        renamed.datasetReference = "another name of it"
        do {
            let again = try VectorsWriter(folder("v"), renamed)
            #expect(try again.finishedPart(0, 0..<10) != nil)
            // A damaged part is not a finished one.
            var bytes = try Files.readAll(folder("v").appending("part-00000.npy"))
            bytes[bytes.count - 1] ^= 1
            try Files.replace(folder("v").appending("part-00000.npy"), with: bytes)
            #expect(try again.finishedPart(0, 0..<10) == nil)
            try fill(again, 0, 0..<10)
            _ = try again.finish(partIndices: [0])
        }
        try VectorsReader(opening: folder("v")).verify()
        // A folder of an older version does not know how many records there are; it is gone on with all the same.
        var old = renamed
        old.recordCount = nil
        do { _ = try VectorsWriter(folder("v"), old) }
        let manifest = folder("v").appending("vectors.json")
        let text = try Files.readText(manifest)
        try Files.replace(manifest, with: text.replacing("  \"records\": 133,\n", with: ""))
        #expect(try VectorsReader(opening: folder("v")).manifest.description == old)
        do { _ = try VectorsWriter(folder("v"), description()) }
        try Files.replace(manifest, with: text)
        var other = description()
        other.encoding = ["prompt": "query: "]
        let error = #expect(throws: Failure.self) { try VectorsWriter(folder("v"), other) }
        #expect(error?.exitStatus == .cannotCreate)
        #expect(error?.description.contains("encoding") == true)
    }

    /// Each single fault of a folder is told when it is opened.
    @Test(arguments: [
        ("other ids", "part-00000.ids"), ("bad escape", "part-00000.ids"), ("bad total", "vectors.json"),
        ("short matrix", "part-00000.npy"), ("other shape", "part-00000.npy"), ("lost id", "part-00000.ids"),
        ("cut id", "part-00000.ids"), ("no format", "vectors.json"), ("bad digest", "vectors.json"),
        ("bad count", "vectors.json"), ("bad type", "vectors.json"), ("overlap", "vectors.json"),
        ("cut manifest", "vectors.json"),
    ])
    func faults(fault: String, file: String) throws {
        let folder = try TemporaryFolder()
        let writer = try VectorsWriter(folder("v"), description())
        try fill(writer, 0, 0..<10)
        try fill(writer, 1, 10..<12)
        _ = try writer.finish(partIndices: 0..<2)
        let path = folder("v").appending(file)
        var bytes = try Files.readAll(path)
        func replace(_ old: String, _ new: String) {
            let text = String(decoding: bytes, as: UTF8.self)
            let at = text.firstRange(of: old)!
            bytes = Array(text.replacingCharacters(in: at, new).utf8)
        }
        switch fault {
        case "short matrix": bytes.removeLast()
        case "other shape": replace("(10, 5)", "(5, 10)")
        case "lost id": bytes.removeSubrange(...bytes.firstIndex(of: 0x0A)!)
        case "cut id": bytes.removeLast()
        case "other ids": bytes[bytes.count - 2] ^= 1
        case "bad escape": replace("\\n0", "\\m0")
        case "bad total": replace("\"records\": 133", "\"records\": 11")
        case "no format": replace("tvt-vectors-1", "tvt-vectors-9")
        case "bad digest": replace("sha256:", "sha257:")
        case "bad count": replace("\"count\": 12", "\"count\": 13")
        case "bad type": replace("\"f32\"", "\"f64\"")
        case "overlap": replace("\"first_ordinal\": 10", "\"first_ordinal\": 9")
        default: bytes.removeLast(20)
        }
        try Files.replace(path, with: bytes)
        let error = #expect(throws: InputError.self) { try VectorsReader(opening: folder("v")) }
        #expect(error?.description.contains(file) == true, "\(String(describing: error))")
    }
}

extension String {
    fileprivate func firstRange(of part: String) -> Range<Int>? {
        let (bytes, wanted) = (Array(utf8), Array(part.utf8))
        return (0...max(0, bytes.count - wanted.count)).first { bytes[$0...].starts(with: wanted) }
            .map { $0..<$0 + wanted.count }
    }

    fileprivate func replacingCharacters(in range: Range<Int>, _ text: String) -> String {
        let bytes = Array(utf8)
        return String(
            decoding: bytes[..<range.lowerBound] + Array(text.utf8) + bytes[range.upperBound...], as: UTF8.self)
    }
}

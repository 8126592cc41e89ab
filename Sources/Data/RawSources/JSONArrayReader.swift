package import Archives
package import Base
package import Ingest
internal import JSON

/// The objects of one big JSON array, one line each: files that are no JSON Lines, of any size.
///
/// The array is the whole file, or a member of the object that the file is (`{"version": 1, "data": [ … ]}`), whose other
/// members are passed over. Brackets and strings are told apart here; what is inside of an element is left to who parses
/// its line, in which a carriage return stands for each line feed, so that offsets in it are those in the file.
/// Memory: a batch, and the longest element.
///
/// Not Sendable: it has a position.
package final class JSONArrayReader: BatchSource {
    /// As simdjson has it.
    package static let deepest = 1024

    private enum State { case start, elements, done }

    private let stream: InputStream
    private let member: String?
    private let batchByteCount: Int
    private let elementByteLimit: Int
    private let buffer: UnsafeMutableRawBufferPointer
    private var position = 0
    private var filled = 0
    /// Of the buffer, in the stream.
    private var bufferOffset = 0
    private var state = State.start
    private var elementCount = 0
    private var hasFoundMember = false
    private var madeByteCount = 0
    /// The brackets that are open, by their closing ones.
    private var open: [UInt8] = []

    /// So many faults end a batch.
    private static let mostFaults = 1000

    /// - Parameter member: the name of the array in the file's object; nil where the file is the array.
    package init(
        _ stream: InputStream, member: String? = nil, _ context: ReadingContext = ReadingContext(),
        bufferByteCount: Int = 1 << 20
    ) {
        self.stream = stream
        stream.expectText()
        self.member = member
        batchByteCount = max(1, context.batchByteCount)
        elementByteLimit = context.recordByteLimit
        buffer = .allocate(byteCount: bufferByteCount, alignment: 64)
    }

    deinit { buffer.deallocate() }

    package var path: String { stream.path }
    package var readByteCount: Int { stream.rawByteCount ?? stream.byteOffset }
    package var parsedByteCount: Int { stream.byteOffset }
    package func finish() throws -> (size: Int, sha256: SHA256Digest)? { try stream.finish() }

    /// - Throws: `InputError` for what is no such array, for one that is cut off, and for bytes behind it; what the stream
    ///   throws.
    package func nextBatch() throws -> LineBatch? {
        var text: [UInt8] = []
        var offsets: [Int] = []
        var faults: [LineBatch.Fault] = []
        while text.count < batchByteCount, faults.count < Self.mostFaults, try goToElement() {
            try Interruption.check()
            let offset = byteOffset
            let start = text.count
            let fault = try takeElement(into: &text)
            offsets.append(offset)
            if let fault {
                // A blank line keeps the numbers of those that follow.
                faults.append(
                    .init(
                        lineCountBefore: offsets.count - 1 - faults.count, error: fault, line: Array(text[start...])))
                text.removeLast(text.count - start)
            }
            text.withUnsafeMutableBytes { bytes in
                for index in start..<bytes.count where bytes[index] == 0x0A { bytes[index] = 0x0D }
            }
            text.append(0x0A)
        }
        guard !offsets.isEmpty else { return nil }
        defer { madeByteCount += text.count }
        return LineBatch(
            path: path, firstLine: elementCount - offsets.count + 1, byteOffset: madeByteCount,
            origins: .elements(offsets), text: text, faults: faults)
    }

    /// Takes the element that begins here.
    ///
    /// - Returns: why it is no record, of which then the beginning is taken.
    private func takeElement(into text: inout [UInt8]) throws -> InputError? {
        elementCount += 1
        let first = buffer[position]
        guard first == 0x7B else {
            let error = fault("element \(elementCount) is no object", "The elements of the array are objects.")
            guard first != 0x5D, first != 0x2C else { throw error }
            try skipValue(first) { piece in text.append(contentsOf: piece.prefix(1024)) }
            return error
        }
        let (start, offset) = (text.count, byteOffset)
        var isTooLong = false
        try take(isElement: true) { piece in
            isTooLong = isTooLong || text.count - start + piece.count > elementByteLimit
            guard byteOffset - offset <= LineReader.longestPassedLine else {
                throw fault(
                    "an element longer than \(LineReader.longestPassedLine) bytes", at: offset,
                    "There is no end of it in sight, and the rest of the file is not read.")
            }
            if !isTooLong { text.append(contentsOf: piece) }
        }
        guard isTooLong else { return nil }
        text.removeLast(max(0, text.count - start - 1024))
        return fault(
            "an element longer than \(elementByteLimit) bytes", at: offset,
            "Is this the array that is meant? Longer records are read with --max-record-bytes.")
    }

    // MARK: - The way to the elements

    /// Goes to the next element; false behind the last, when the rest of the file has been looked at.
    private func goToElement() throws -> Bool {
        switch state {
        case .done: return false
        case .start:
            try skipByteOrderMark()
            try begin()
            if try peek("the array ends") == 0x5D { return try endArray() }
        case .elements:
            switch try peek("the array ends") {
            case 0x2C:
                position += 1
                _ = try peek("the array ends")
            case 0x5D: return try endArray()
            default: throw fault("neither a comma nor a bracket behind an element")
            }
        }
        state = .elements
        _ = try peek("the array ends")
        return true
    }

    /// Finds the array and goes into it.
    private func begin() throws {
        guard let first = try next() else { throw fault("the file is empty", at: 0, "Was it written to its end?") }
        guard let member else {
            guard first == 0x5B else { throw fault("no array where one should be", "The file is one JSON array.") }
            position += 1
            return
        }
        guard first == 0x7B else {
            throw fault("no object where one should be", "The file is a JSON object with the array \"\(member)\".")
        }
        position += 1
        if try peek("the object ends") == 0x7D {
            throw missing(member)
        }
        try goToArray(member)
    }

    private func missing(_ member: String) -> InputError {
        fault("the object has no array \"\(member)\"", at: 0, "Is it called otherwise in this file?")
    }

    /// Reads members until the array is entered or the object ends; at the name of a member.
    private func goToArray(_ member: String) throws {
        while true {
            guard try peek("the object ends") == 0x22 else { throw fault("no name of a member where one should be") }
            let nameOffset = byteOffset
            var name: [UInt8] = []
            try take { piece in
                name += piece
                guard name.count <= 1 << 20 else { throw fault("a name longer than 1 MiB", at: nameOffset) }
            }
            guard try peek("the object ends") == 0x3A else { throw fault("no colon behind the name of a member") }
            position += 1
            let value = try peek("the object ends")
            if case .string(let text)? = try? JSONValue.parse(name, path: path), text.utf8.elementsEqual(member.utf8) {
                guard !hasFoundMember else { throw fault("the member \"\(member)\" comes twice", at: nameOffset) }
                guard value == 0x5B else { throw fault("the member \"\(member)\" is no array") }
                hasFoundMember = true
                position += 1
                return
            }
            try skipValue(value)
            guard try goBehindMember() else {
                guard hasFoundMember else { throw missing(member) }
                return try checkEnd()
            }
        }
    }

    /// Whether another member follows; at its name then.
    private func goBehindMember() throws -> Bool {
        switch try peek("the object ends") {
        case 0x2C:
            position += 1
            _ = try peek("the object ends")
            return true
        case 0x7D:
            position += 1
            return false
        default: throw fault("neither a comma nor a brace behind a member")
        }
    }

    private func endArray() throws -> Bool {
        position += 1
        guard let member else {
            try checkEnd()
            return false
        }
        if try goBehindMember() { try goToArray(member) } else { try checkEnd() }
        return false
    }

    private func checkEnd() throws {
        if try next() != nil { throw fault("bytes follow the end of the JSON text") }
        state = .done
    }

    // MARK: - Values

    /// Passes over a value of any kind.
    private func skipValue(_ first: UInt8, _ body: (UnsafeRawBufferPointer) -> Void = { _ in }) throws {
        if [0x22, 0x5B, 0x7B].contains(first) { return try take(body) }
        let start = byteOffset
        while try position < filled || fill() {
            let byte = buffer[position]
            if byte == 0x2C || byte == 0x7D || byte == 0x5D || byte <= 0x20 { break }
            body(UnsafeRawBufferPointer(rebasing: buffer[position..<position + 1]))
            position += 1
        }
        guard byteOffset > start else { throw fault("no value where one should be") }
    }

    /// Hands out the string, the array or the object that begins here, in pieces, and goes behind it.
    private func take(isElement isInElement: Bool = false, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let start = byteOffset
        open.removeAll(keepingCapacity: true)
        var isInString = false
        var isEscaped = false
        repeat {
            guard try position < filled || fill() else {
                throw fault(
                    isInElement ? "the file ends within element \(elementCount)" : "the file ends within a value",
                    at: start, "It is cut off: fetch or make it again.")
            }
            let from = position
            try scan(&isInString, &isEscaped)
            try body(UnsafeRawBufferPointer(rebasing: buffer[from..<position]))
        } while isInString || !open.isEmpty
    }

    /// Goes on to the end of the value or of the buffer.
    private func scan(_ isInString: inout Bool, _ isEscaped: inout Bool) throws {
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<filled])
        var index = position
        defer { position = index }
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == 0x5C {
                    isEscaped = true
                } else if byte == 0x22 {
                    isInString = false
                    if open.isEmpty { return }
                }
                continue
            }
            switch byte {
            case 0x22: isInString = true
            case 0x5B, 0x7B:
                guard open.count < Self.deepest else {
                    position = index - 1
                    throw fault("more than \(Self.deepest) levels of brackets")
                }
                // The closing one of either comes two behind it.
                open.append(byte + 2)
            case 0x5D, 0x7D:
                guard open.popLast() == byte else {
                    index -= 1
                    position = index
                    throw fault("a closing bracket of the wrong kind")
                }
                if open.isEmpty { return }
            default: break
            }
        }
    }

    // MARK: - Bytes

    private var byteOffset: Int { bufferOffset + position }

    /// The next byte that is no space; nil at the end.
    private func next() throws -> UInt8? {
        while try position < filled || fill() {
            let byte = buffer[position]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return byte }
            position += 1
        }
        return nil
    }

    /// The next byte that is no space; the file must have one.
    private func peek(_ what: String) throws -> UInt8 {
        guard let byte = try next() else {
            throw fault(
                "the file ends before \(what)",
                "\(elementCount) elements are complete. It is cut off: fetch or make it again.")
        }
        return byte
    }

    private func skipByteOrderMark() throws {
        for (index, byte) in [0xEF, 0xBB, 0xBF].enumerated() {
            guard try position < filled || fill(), buffer[position] == byte else {
                if index > 0 { throw fault("no JSON text where one should be") }
                return
            }
            position += 1
        }
    }

    private func fill() throws -> Bool {
        bufferOffset += filled
        position = 0
        filled = try stream.read(into: buffer)
        return filled > 0
    }

    private func fault(_ reason: String, at offset: Int? = nil, _ advice: String? = nil) -> InputError {
        let isHere = offset == nil && position < filled
        return InputError(
            reason, at: Place(path: path, byteOffset: offset ?? byteOffset),
            offender: isHere ? Array(buffer[position..<min(filled, position + 41)]) : nil, advice: advice)
    }
}

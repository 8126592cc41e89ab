internal import Archives
internal import Base
internal import Columns
internal import Ingest
internal import JSON
internal import SystemPackage

/// The names of the fields of a file's first row, whatever the file is.
enum SourceFields {
    private static let headByteCount = 1 << 20

    /// - Returns: none where the file is no file of rows.
    /// - Throws: `InputError` for a `MisplacedFile`; what reading throws.
    static func names(of path: FilePath) throws -> Set<String> { try names(of: StreamFile(path), isInArchive: false) }

    /// - Parameter isInArchive: whether the file is a member of an archive; then it is no table.
    static func names(of file: StreamFile, isInArchive: Bool) throws -> Set<String> {
        if !isInArchive, (try? ParquetFile.isParquet(file.path)) == true {
            return Set(try ParquetFile(file.path).fields.map(\.name))
        }
        let text = try head(of: file)
        if text.first(where: { $0 > 0x20 }) == UInt8(ascii: "[") {
            // An array of rows: its first element.
            return keys(ofObjectIn: text.drop { $0 != UInt8(ascii: "{") })
        }
        let line = text.prefix { $0 != 0x0A }
        if let names = object(line) { return names }
        // The first line of columns, or a record that goes on behind what was read.
        if line.first(where: { $0 > 0x20 }) == UInt8(ascii: "{") { return keys(ofObjectIn: line) }
        let separators: [UInt8] = [0x2C, 0x09, 0x0D]
        return Set(
            line.split { separators.contains($0) }.map { field in
                let isQuoted = field.count >= 2 && field.first == 0x22 && field.last == 0x22
                return String(decoding: isQuoted ? field.dropFirst().dropLast() : field, as: UTF8.self)
            })
    }

    /// The beginning of a file, without a byte order mark.
    private static func head(of file: StreamFile) throws -> ArraySlice<UInt8> {
        let stream = try file.open()
        stream.expectText()
        var head = [UInt8](repeating: 0, count: headByteCount)
        var count = 0
        try head.withUnsafeMutableBytes { buffer in
            while count < buffer.count {
                let read = try stream.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[count...]))
                if read == 0 { break }
                count += read
            }
        }
        let text = head[..<count]
        return text.starts(with: [0xEF, 0xBB, 0xBF]) ? text.dropFirst(3) : text
    }

    private static func object(_ text: ArraySlice<UInt8>) -> Set<String>? {
        let parser = JSONParser()
        defer { withExtendedLifetime(parser) {} }
        return Array(text).withUnsafeBytes { bytes in
            guard let root = try? parser.parse(bytes), root.kind == .object else { return nil }
            return Set(root.fields.map { String(decoding: $0.key, as: UTF8.self) })
        }
    }

    /// The keys of the object that a text begins with, though not all of it may be there.
    private static func keys(ofObjectIn text: ArraySlice<UInt8>) -> Set<String> {
        var names: Set<String> = []
        var depth = 0
        var position = text.startIndex
        while position < text.endIndex {
            switch text[position] {
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if depth == 0 { return names }
            case UInt8(ascii: "\""):
                let start = position + 1
                position = start
                while position < text.endIndex, text[position] != UInt8(ascii: "\"") {
                    position += text[position] == UInt8(ascii: "\\") ? 2 : 1
                }
                guard position < text.endIndex else { return names }
                let rest = text[(position + 1)...].drop { $0 <= 0x20 }
                if depth == 1, rest.first == UInt8(ascii: ":") {
                    names.insert(String(decoding: text[start..<position], as: UTF8.self))
                }
            default: break
            }
            position += 1
        }
        return names
    }
}

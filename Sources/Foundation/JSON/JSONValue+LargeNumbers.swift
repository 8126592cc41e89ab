internal import Base
public import SystemPackage

extension JSONValue {
    /// Parses a configuration that Python wrote: whole numbers beyond 64 bits become doubles, as
    /// `"model_max_length": 1000000000000000019884624838656` in many a `tokenizer_config.json`.
    ///
    /// - Throws: as ``parse(file:)``.
    public static func parse(pythonFile file: FilePath) throws -> JSONValue {
        let bytes = try Files.readAll(file)
        do {
            return try parse(bytes, path: file.string)
        } catch {
            let marked = markingLargeNumbers(bytes)
            guard marked.count > bytes.count else { throw error }
            return try parse(marked, path: file.string)
        }
    }

    /// The same text with an exponent of 0 behind each whole number of 19 digits or more.
    private static func markingLargeNumbers(_ bytes: [UInt8]) -> [UInt8] {
        var marked: [UInt8] = []
        marked.reserveCapacity(bytes.count + 16)
        var isInString = false
        var isEscaped = false
        var digitCount = 0
        var isWhole = true
        for byte in bytes {
            if isInString {
                isInString = isEscaped || byte != UInt8(ascii: "\"")
                isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
            } else {
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"): digitCount += 1
                case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"), UInt8(ascii: "+"): isWhole = false
                default:
                    if isWhole && digitCount >= 19 { marked.append(contentsOf: "e0".utf8) }
                    digitCount = 0
                    isWhole = true
                    isInString = byte == UInt8(ascii: "\"")
                }
            }
            marked.append(byte)
        }
        return marked
    }
}

/// How a file of delimited text is written.
package struct DelimitedFormat: Sendable {
    package enum Quoting: Sendable {
        /// As RFC 4180 has it: a field may stand in quotes, with delimiters, line breaks and doubled quotes inside.
        case rfc4180
        /// A quote is a character like others, and a row is a line.
        case none
    }

    /// One byte of ASCII.
    package let delimiter: UInt8
    package let quoting: Quoting
    /// Nil where the first row names them.
    package let columns: [String]?

    package init(delimiter: UInt8, quoting: Quoting, columns: [String]? = nil) {
        precondition(delimiter < 0x80 && ![0x0A, 0x0D, 0x22].contains(delimiter), "no delimiter")
        self.delimiter = delimiter
        self.quoting = quoting
        self.columns = columns
    }

    /// Commas and quotes; `delimiter` may be a semicolon or a tab instead.
    package static func csv(delimiter: UInt8 = 0x2C, columns: [String]? = nil) -> DelimitedFormat {
        DelimitedFormat(delimiter: delimiter, quoting: .rfc4180, columns: columns)
    }

    /// Tabs without quoting, as `collection.tsv` of MS MARCO, whose texts have quotes that never end.
    package static func tsv(columns: [String]? = nil) -> DelimitedFormat {
        DelimitedFormat(delimiter: 0x09, quoting: .none, columns: columns)
    }
}

package import Base

/// What stands where data should be: the pointer of a tool that keeps the bytes elsewhere, the page of a server, a file of another
/// format. Told by the first bytes.
package enum MisplacedFile {
    package enum Wanted: Sendable {
        /// Lines, or a JSON text.
        case text
        /// A zip or a tar.
        case archive
        /// A Parquet file.
        case table
    }

    /// So many bytes tell it; the longest mark, the one of Git LFS, has 40.
    package static let headByteCount = 64

    /// Pages and pointers are in nobody's place.
    private static let pointers: [(mark: String, what: String, advice: String)] = [
        (
            "version https://git-lfs.github.com/spec/", "a pointer of Git LFS, not the file itself",
            "Fetch the file: git lfs pull."
        ),
        (
            "# xet version", "a pointer of git-xet, not the file itself",
            "Fetch the file: git xet checkout, or download it from the Hub."
        ),
        ("/annex/objects/", "a pointer of git-annex, not the file itself", "Fetch the file: git annex get."),
        (
            "<!doctype html", "a page of HTML, not the file itself",
            "A server answered with a page, perhaps for an error or a login: fetch the file again, and look at it."
        ),
        (
            "<html", "a page of HTML, not the file itself",
            "A server answered with a page, perhaps for an error or a login: fetch the file again, and look at it."
        ),
        (
            "<?xml", "a text of XML, not the file itself",
            "Servers answer so where a file is not there or may not be read: fetch the file again, and look at it."
        ),
    ]

    private static let others: [(mark: [UInt8], what: String, advice: String)] = [
        (
            Array("PARE".utf8), "an encrypted Parquet file",
            "There are no keys to read it with: write it again without encryption."
        ),
        (
            Array("PAR1".utf8), "a Parquet file",
            "The conversions of published sets read Parquet, and so does tvt-convert tevatron."
        ),
        (
            Array("ARROW1".utf8), "an Arrow file",
            "Write it as Parquet: pyarrow.parquet.write_table(pyarrow.feather.read_table(FILE), …)."
        ),
        (Array("PK".utf8) + [3, 4], "a zip", "Unpack it, and name the file that is meant."),
        ([0xFF, 0xFE], "a text in UTF-16", "Convert the file: iconv -f UTF-16 -t UTF-8."),
        ([0xFE, 0xFF], "a text in UTF-16", "Convert the file: iconv -f UTF-16 -t UTF-8."),
        (Array("%PDF-".utf8), "a PDF", "Name the file with the records."),
        (Array("SQLite format 3".utf8) + [0], "an SQLite database", "Write its rows as JSON Lines."),
        ([0x93] + Array("NUMPY".utf8), "an array of NumPy", "Name the file with the records."),
        ([0x89] + Array("HDF".utf8), "an HDF5 file", "Write its rows as JSON Lines."),
    ]

    /// The error of a file that begins so; nil where it may be what is wanted.
    package static func error(at path: String, head: [UInt8], wanted: Wanted) -> InputError? {
        func error(_ what: String, _ advice: String) -> InputError {
            InputError("this is \(what)", at: Place(path: path), advice: advice)
        }
        let lowered = head.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
        // A page may begin with a byte order mark or an empty line.
        let text = lowered.drop { $0 == 0xEF || $0 == 0xBB || $0 == 0xBF || $0 <= 0x20 }
        if let found = pointers.first(where: { text.starts(with: $0.mark.utf8) }) {
            return error(found.what, found.advice)
        }
        guard let found = others.first(where: { head.starts(with: $0.mark) }) else { return nil }
        switch wanted {
        case .text: return error(found.what, found.advice)
        case .table: return found.mark.elementsEqual("PAR1".utf8) ? nil : error(found.what, found.advice)
        case .archive: return nil
        }
    }
}

internal import Base
internal import SystemPackage

/// Debian packages, each unpacked into a folder of its name.
struct Packages {
    let root: FilePath

    init(_ root: String) { self.root = FilePath(root) }

    /// - Throws: `Failure` where the package is not there.
    func folder(_ package: String, _ path: String) throws -> FilePath {
        let folder = root.appending(package).appending(path)
        guard Files.isDirectory(folder) else {
            throw Failure(
                .missingInput, "\(folder) is not there",
                advice: "scripts/demo-packages.sh downloads \(package) and unpacks it.")
        }
        return folder
    }

    /// A path in ``root``.
    func relative(_ path: FilePath) -> String {
        var path = path
        _ = path.removePrefix(root)
        return path.string
    }

    /// All files below a folder, in the order of their paths, as paths within it.
    func files(below folder: FilePath, ending: String) throws -> [String] {
        var found: [String] = []
        func walk(_ path: FilePath, _ prefix: String) throws {
            for name in try Files.list(path) {
                let inner = path.appending(name)
                if Files.isDirectory(inner) {
                    try walk(inner, prefix + name + "/")
                } else if name.hasSuffix(ending) {
                    found.append(prefix + name)
                }
            }
        }
        try walk(folder, "")
        return found
    }

    /// Pixels of the largest image that is taken: a few are as large as posters, and take seconds to be decoded.
    private static let largestImage = 16 << 20

    /// The items without those whose file equals an earlier one's or is a PNG of too many pixels. What stays is counted.
    func distinct(_ items: [CaptionedItem], _ tally: inout Tally) throws -> [CaptionedItem] {
        var seen: Set<SHA256Digest> = []
        var distinct: [CaptionedItem] = []
        for item in items {
            let file = root.appending(item.media)
            if file.extension == "png", try pixelCount(png: file) > Self.largestImage {
                tally.omit(String(item.source), "more than 16 Mi pixels")
            } else if try seen.insert(SHA256Digest.ofFile(file)).inserted {
                tally.take(item)
                distinct.append(item)
            } else {
                tally.omit(String(item.source), "the same file as an earlier one")
            }
        }
        return distinct
    }

    /// Width times height, of the chunk that each PNG begins with.
    private func pixelCount(png path: FilePath) throws -> Int {
        let bytes = BigEndianBytes(try Files.readAll(path), path: path.string)
        guard try bytes.tag(at: 12) == "IHDR" else { throw bytes.fault("not a PNG", at: 0) }
        let (count, overflow) = Int(try bytes.uint32(at: 16)).multipliedReportingOverflow(
            by: Int(try bytes.uint32(at: 20)))
        return overflow ? Int.max : count
    }
}

internal import Base
internal import SystemPackage

/// Debian packages, each unpacked into a folder of its name.
struct Packages: Sendable {
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

    /// The items without those whose file equals an earlier one's.
    func distinct(_ items: [CaptionedItem], _ tally: inout Tally) throws -> [CaptionedItem] {
        var seen: Set<SHA256Digest> = []
        var distinct: [CaptionedItem] = []
        for item in items {
            let file = root.appending(item.media)
            if try seen.insert(SHA256Digest.ofFile(file)).inserted {
                distinct.append(item)
            } else {
                tally.omit(String(item.source), "the same file as an earlier one")
            }
        }
        return distinct
    }
}

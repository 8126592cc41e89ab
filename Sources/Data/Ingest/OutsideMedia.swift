internal import JSON
internal import Records

/// What references name that stay as they are: what the store does not hold.
enum OutsideMedia: Int, Sendable, CaseIterable {
    /// A path, which nothing answered for.
    case file
    /// `https://…`
    case address
    /// `data:…`
    case data
    /// A digest whose item is not at hand.
    case digest
    /// An object of other fields.
    case other

    init(_ reference: MediaReference) {
        if reference.digest != nil {
            self = .digest
        } else if let name = reference.path ?? reference.name {
            self = !AssetFolder.hasScheme(name) ? .file : name.lowercased().hasPrefix("data:") ? .data : .address
        } else {
            self = .other
        }
    }

    /// For a warning: how many there are, and what to do.
    func message(_ count: Int) -> String {
        func counted(_ what: String) -> String { "\(count) \(what)\(count == 1 ? "" : "s")" }
        return switch self {
        case .file: counted("name") + " of files (--assets DIR takes them into the store)"
        case .address: "\(count) \(count == 1 ? "address" : "addresses") (nothing is fetched)"
        case .data: counted("data: URI") + " (write the bytes to files, and name those)"
        case .digest: counted("digest") + " without an item (--assets DIR takes those of an export)"
        case .other: counted("object") + " without a digest or a path"
        }
    }
}

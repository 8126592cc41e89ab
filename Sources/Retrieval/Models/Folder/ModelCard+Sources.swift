public import Base
internal import SystemPackage

extension ModelCard {
    /// Where a card has a setting from.
    public enum Source: Sendable, Equatable, CustomStringConvertible {
        /// The user said it.
        case user
        case file(Place)
        /// A preset, and the place that names its model; nil where the user asked for the preset.
        case preset(String, namedAt: Place?)
        /// What holds where no file says anything.
        case standard(String)

        /// Whether it comes from outside of the folder: another call may say something else.
        public var isFromOutside: Bool {
            switch self {
            case .user, .preset(_, namedAt: nil): true
            case .file, .preset, .standard: false
            }
        }

        public var description: String {
            switch self {
            case .user: "said by the user"
            case .file(let place): "\(place)"
            case .preset(let name, nil): "preset \(name), asked for"
            case .preset(let name, let place?): "preset \(name), named in \(place)"
            case .standard(let reason): reason
            }
        }
    }

    /// A card, and how it came to be.
    struct Loaded {
        var card: ModelCard
        /// What a user should know, a sentence each.
        var notes: [String]
        var sources: [Setting: Source]
        /// Folders of the modules that have weights, in order.
        var moduleFolders: [FilePath]
    }
}

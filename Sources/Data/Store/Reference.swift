public import Base
internal import JSON
package import StoreFormat
internal import SystemPackage

/// A human name that points at a dataset version.
public struct Reference: Sendable, Equatable {
    /// Such as `pixmo-docs` or `pixmo-docs@filtered`.
    public let name: String
    /// The dataset's digest: that of its tvt manifest.
    public let dataset: SHA256Digest
    /// The OCI manifest that carries the dataset.
    package let image: BlobDescriptor

    package init(name: String, dataset: SHA256Digest, image: BlobDescriptor) {
        self.name = name
        self.dataset = dataset
        self.image = image
    }

    /// Whether a name can be a reference: letters and digits with single separators between them, as OCI wants it.
    package static func isName(_ name: String) -> Bool {
        func isAllowed(_ byte: UInt8) -> Bool {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
            default: false
            }
        }
        let separators = Array("-._/@".utf8)
        var last: UInt8 = separators[0]
        var isValid = !name.isEmpty && name.utf8.count <= 200
        for byte in name.utf8 {
            if !isAllowed(byte), !(separators.contains(byte) && isAllowed(last)) { isValid = false }
            last = byte
        }
        return isValid && isAllowed(last) && SHA256Digest(hex: name) == nil
    }

    /// - Throws: `Failure` with status 64 for a name that cannot be a reference.
    public static func checkName(_ name: String) throws {
        guard isName(name) else {
            throw Failure(
                .usage, "\(escaped(name.utf8)) cannot be the name of a dataset",
                advice: "Use letters and digits, with single - . _ / or @ between them, such as pixmo-docs@filtered.")
        }
    }
}

/// The contents of `index.json`: the references, in the order of their names' bytes.
package struct ReferenceIndex: Sendable, Equatable {
    package private(set) var references: [Reference] = []

    package subscript(name: String) -> Reference? {
        references.first { $0.name.utf8.elementsEqual(name.utf8) }
    }

    package mutating func set(_ reference: Reference) {
        remove(reference.name)
        let position =
            references.firstIndex { reference.name.utf8.lexicographicallyPrecedes($0.name.utf8) } ?? references.count
        references.insert(reference, at: position)
    }

    package mutating func remove(_ name: String) { references.removeAll { $0.name.utf8.elementsEqual(name.utf8) } }

    package static let mediaType = "application/vnd.oci.image.index.v1+json"
    /// Of OCI's image index.
    private static let schemaVersion = 2
    private static let nameAnnotation = "org.opencontainers.image.ref.name"
    private static let datasetAnnotation = "vnd.tvt.dataset.digest"

    package var canonicalBytes: [UInt8] {
        let json: JSONValue = [
            "schemaVersion": JSONValue(Self.schemaVersion),
            "mediaType": .string(Self.mediaType),
            "manifests": .array(
                references.map { reference in
                    [
                        "mediaType": .string(ImageManifest.mediaType),
                        "artifactType": .string(Manifest.mediaType),
                        "digest": .string(reference.image.digest.description),
                        "size": JSONValue(reference.image.size),
                        "annotations": [
                            Self.nameAnnotation: .string(reference.name),
                            Self.datasetAnnotation: .string(reference.dataset.description),
                        ],
                    ]
                }),
        ]
        return json.canonical()
    }

    /// What to do where it is missing or damaged: everything else in the store can still be found.
    package static func advice(path: String) -> String {
        guard !path.contains("://") else {
            return "Check the address: a store has index.json beside blobs and oci-layout."
        }
        let reflog = FilePath(path).removingLastComponent().appending("reflog")
        return
            "Put a copy of it back. The names and digests of all versions stand in \(reflog); their data is untouched."
    }

    package init() {}

    /// Entries that are not ours are an error, since writing the index again would lose them.
    package init(_ bytes: [UInt8], path: String) throws {
        do {
            try self.init(parsing: bytes, path: path)
        } catch let error as InputError {
            throw InputError(error.reason, at: error.place, offender: error.offender, advice: Self.advice(path: path))
        }
    }

    private init(parsing bytes: [UInt8], path: String) throws {
        let root = ManifestFields(try JSONValue.parse(bytes, path: path), path: path, field: "")
        guard try root.integer("schemaVersion") == Self.schemaVersion else {
            throw root.wrong(
                "schemaVersion", "version \(try root.integer("schemaVersion")) is not known; use a newer tvt")
        }
        for entry in try root.array("manifests") {
            let annotations = try entry.fields("annotations")
            let name = try annotations.string(Self.nameAnnotation)
            guard Reference.isName(name) else {
                throw annotations.wrong(Self.nameAnnotation, "this cannot be the name of a dataset", name)
            }
            references.append(
                Reference(
                    name: name,
                    dataset: try annotations.digest(Self.datasetAnnotation), image: try entry.blob()))
        }
        references.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        for (reference, next) in zip(references, references.dropFirst())
        where reference.name.utf8.elementsEqual(next.name.utf8) {
            throw InputError("two references have the name \(escaped(next.name.utf8))", at: Place(path: path))
        }
    }
}

/// The OCI manifest that carries a dataset through registries: its config is the tvt manifest, its layers are the blobs.
package enum ImageManifest {
    package static let mediaType = "application/vnd.oci.image.manifest.v1+json"
    /// Of OCI's image manifest.
    private static let schemaVersion = 2
    private static let blobMediaType = "application/vnd.tvt.blob.v1"

    package static func canonicalBytes(of manifest: Manifest, blob: BlobDescriptor, createdAt: String) -> [UInt8] {
        func descriptor(_ mediaType: String, _ blob: BlobDescriptor) -> JSONValue {
            .object(JSONObject([("mediaType", .string(mediaType))] + blob.fields))
        }
        let json: JSONValue = [
            "schemaVersion": JSONValue(schemaVersion),
            "mediaType": .string(mediaType),
            "artifactType": .string(Manifest.mediaType),
            "config": descriptor(Manifest.mediaType, blob),
            "layers": .array(manifest.blobs.map { descriptor(blobMediaType, $0) }),
            "annotations": [
                "org.opencontainers.image.created": .string(createdAt),
                "org.opencontainers.image.title": .string(manifest.name),
            ],
        ]
        return json.canonical()
    }

    /// The dataset manifest and all blobs that it needs.
    ///
    /// - Throws: `InputError` where this is not the image of a dataset.
    package static func contents(
        _ bytes: [UInt8], path: String
    ) throws -> (manifest: BlobDescriptor, blobs: [BlobDescriptor]) {
        let root = ManifestFields(try JSONValue.parse(bytes, path: path), path: path, field: "")
        guard try root.string("mediaType") == mediaType, try root.string("artifactType") == Manifest.mediaType else {
            throw root.wrong("artifactType", "this is not the image of a tvt dataset")
        }
        guard try root.integer("schemaVersion") == schemaVersion else {
            throw root.wrong(
                "schemaVersion", "version \(try root.integer("schemaVersion")) is not known; use a newer tvt")
        }
        var seen: Set<BlobDescriptor> = []
        return (
            try root.fields("config").blob(),
            try root.array("layers").map { try $0.blob() }.filter { seen.insert($0).inserted }
        )
    }

    /// When the version was committed; nil where the manifest does not say.
    package static func createdAt(_ bytes: [UInt8], path: String) throws -> String? {
        try JSONValue.parse(bytes, path: path)["annotations"]?["org.opencontainers.image.created"]?.string
    }
}

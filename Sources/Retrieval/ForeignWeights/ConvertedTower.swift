internal import Base
public import JSON
public import SystemPackage
public import Tensors

/// A tower as transformers has it.
public struct ConvertedTower {
    public let tensors: [(name: String, tensor: Tensor)]
    /// `config.json`.
    public let configuration: JSONObject
    /// `preprocessor_config.json`.
    public let preprocessor: JSONObject

    /// Writes the folder's files; making it and renaming it into place is the caller's part.
    public func write(to folder: FilePath) throws {
        try Files.makeDirectory(folder)
        try Files.replace(folder.appending("config.json"), with: JSONValue.object(configuration).pretty())
        try Files.replace(folder.appending("preprocessor_config.json"), with: JSONValue.object(preprocessor).pretty())
        try SafetensorsWriter.write(tensors, to: folder.appending("model.safetensors"))
    }
}

/// What is made of a file's tower beyond what the file says.
public struct ConversionOptions: Sendable {
    /// Side in pixels of the squares that images are scaled and cut to; nil is what the model was published with.
    public var imageSide: Int?
    /// Seconds of a piece of sound, of which the first positions are kept; nil is all of them.
    public var pieceSeconds: Int?

    public init() {}
}

extension ConvertedTower {
    /// Tells by the first bytes what a file is, and converts it.
    ///
    /// - Throws: `InputError` for a file of another kind, one that is damaged, or a model that is not known; `Failure` for
    ///   an option that finds nothing to act on.
    public init(_ file: ForeignFile, _ options: ConversionOptions = ConversionOptions()) throws {
        // A small number in little-endian order, or the field `ir_version`.
        if file.bytes.starts(with: [UInt8(CTranslate2File.version), 0, 0, 0]) {
            guard options.imageSide == nil else {
                throw Failure(.usage, "--image-side finds no images: \(file.path) is a tower for sounds")
            }
            self = try WhisperConversion(CTranslate2File(file), pieceSeconds: options.pieceSeconds).tower()
        } else if file.bytes.first == 0x08 {
            guard options.pieceSeconds == nil else {
                throw Failure(.usage, "--piece-seconds finds no sounds: \(file.path) is a tower for images")
            }
            self = try DINOv2Conversion(ONNXFile(file), imageSide: options.imageSide).tower()
        } else {
            throw InputError(
                "neither a model.bin of CTranslate2, version \(CTranslate2File.version), nor a model in ONNX",
                at: Place(path: file.path, byteOffset: 0), offender: Array(file.bytes.prefix(8)))
        }
    }
}

internal import Base
internal import JSON
internal import SystemPackage
internal import Tensors

/// Hands out a checkpoint's tensors by name and shape, and knows at the end what nobody asked for.
///
/// Reads `model.safetensors`, or the files that `model.safetensors.index.json` names. Tensors stay mapped unless
/// their type or device must change.
struct WeightFiles {
    private let folder: FilePath
    private let files: [SafetensorsFile]
    /// Which file holds a name, as the checkpoint writes it.
    private let fileByName: [String: Int]
    let names: NameMap
    /// Put before every name where the checkpoint does so.
    private let prefix: String
    let precision: Precision
    private let residency: WeightResidency
    private let device: Device
    /// Put before the names of the parameters that are handed out: what several folders call the same is told apart.
    private let parameterPrefix: String
    /// The part of the model whose tensors are asked for, as `language_model.`; what all parts have asked for is known
    /// together.
    private var scope = ""
    private let asked = AskedNames()
    /// Takes the place of files; nil where there are some.
    private let outline: WeightOutline?

    private final class AskedNames {
        var names: Set<String> = []
        /// Parts of the model that are not used, though their tensors may be there.
        var unusedParts: [String] = []
    }

    init(
        _ folder: FilePath, names: NameMap, precision: Precision, _ residency: WeightResidency = .resident,
        device: Device,
        parameterPrefix: String = ""
    ) throws {
        self.folder = folder
        self.residency = residency
        self.parameterPrefix = parameterPrefix
        self.names = names
        self.precision = precision
        self.device = device
        outline = nil
        files = try WeightFiles.paths(folder).map { try SafetensorsFile($0) }
        var fileByName: [String: Int] = [:]
        for (index, file) in files.enumerated() {
            for name in file.names {
                guard fileByName.updateValue(index, forKey: name) == nil else {
                    throw InputError("two files hold this tensor", at: Place(path: folder.string, field: name))
                }
            }
        }
        self.fileByName = fileByName
        let written = fileByName.keys
        prefix = names.prefixes.first { prefix in written.contains { $0.hasPrefix(prefix) } } ?? ""
        try checkIndex()
    }

    /// Notes down what is asked for, instead of reading it.
    ///
    /// - Parameter folder: for messages.
    init(
        _ outline: WeightOutline, _ folder: FilePath, names: NameMap, precision: Precision, device: Device,
        parameterPrefix: String = ""
    ) {
        (self.folder, self.names, self.precision, self.device) = (folder, names, precision, device)
        self.parameterPrefix = parameterPrefix
        self.outline = outline
        residency = .resident
        (files, fileByName, prefix) = ([], [:], "")
    }

    /// - Throws: `InputError` where the index of several files and the files say different things of a tensor.
    private func checkIndex() throws {
        let index = folder.appending(WeightFiles.indexName)
        guard files.count > 1 || files[0].path.lastComponent?.string != WeightFiles.singleName else { return }
        let map = try JSONValue.parse(file: index)["weight_map"]?.object ?? [:]
        var indexed: [String: String] = [:]
        for (name, file) in map { indexed[name] = file.string }
        for (name, number) in fileByName {
            let file = files[number].path.lastComponent?.string ?? ""
            guard let said = indexed.removeValue(forKey: name), said == file else {
                throw InputError(
                    "\(file) holds this tensor, which the index does not say",
                    at: Place(path: index.string, field: name), exitStatus: .badData)
            }
        }
        if let missing = indexed.keys.min() {
            throw InputError(
                "\(indexed[missing]!) has no such tensor", at: Place(path: index.string, field: missing),
                exitStatus: .badData)
        }
    }

    static let singleName = "model.safetensors"
    static let indexName = "model.safetensors.index.json"

    /// The weight files of a model folder, in a fixed order.
    static func paths(_ folder: FilePath) throws -> [FilePath] {
        let single = folder.appending(singleName)
        let adapter = folder.appending("adapter_config.json")
        if Files.exists(single) {
            guard !Files.exists(adapter) else {
                throw Failure(
                    .badConfiguration, "\(adapter) is an adapter beside the weights, which transformers would load too",
                    advice: "give the adapter's folder as --adapter, or take the file away")
            }
            return [single]
        }
        let index = folder.appending(indexName)
        guard Files.exists(index) else {
            let others = [
                (
                    "pytorch_model.bin",
                    "is a pickle, which can run programs, and is never loaded; convert it with: python -c \"from "
                        + "transformers import AutoModel; AutoModel.from_pretrained('\(folder)')"
                        + ".save_pretrained('\(folder)')\""
                ),
                (
                    "adapter_model.safetensors",
                    "is an adapter: name its model, and the folder with --adapter; `tvt-model merge` makes one model of both"
                ),
            ]
            let present = others.first { Files.exists(folder.appending($0.0)) }
            throw Failure(
                .missingInput, "\(folder): no model.safetensors and no model.safetensors.index.json",
                advice: present.map { "\($0.0) \($0.1)" })
        }
        guard let map = try JSONValue.parse(file: index)["weight_map"]?.object else {
            throw InputError("the field is missing", at: Place(path: index.string, field: "weight_map"))
        }
        let names = Set(map.compactMap { $0.value.string })
        return try names.sorted().map { name in
            guard let component = FilePath.Component(name), component.kind == .regular else {
                throw InputError("\"\(name)\" is not a file name", at: Place(path: index.string, field: "weight_map"))
            }
            return folder.appending(component)
        }
    }

    /// The tensors of one part of the model: names that are asked for begin there.
    func part(_ name: String) -> WeightFiles {
        var part = self
        part.scope += name
        return part
    }

    /// A tensor's name as this checkpoint writes it, if it has it.
    private func spelling(_ name: String) -> String? {
        names.spellings(scope + name, prefix: prefix).first { fileByName[$0] != nil }
    }

    /// Whether there is a tensor that a model can do without.
    func has(_ name: String) -> Bool { outline != nil || spelling(name) != nil }

    /// - Parameter initial: what its numbers are before any training; nil for what is usual of tensors of this name and
    ///   shape.
    /// - Throws: `InputError` if the checkpoint has no such tensor or another shape, or if a number in it is NaN or
    ///   infinite: attention kernels swallow such a number and give vectors that look like others.
    func parameter(_ name: String, _ shape: [Int], initial: InitialValues? = nil) throws -> Parameter {
        try parameter(name, shape, initial, mayBeInfinite: false)
    }

    private func parameter(
        _ name: String, _ shape: [Int], _ initial: InitialValues?, mayBeInfinite: Bool = false,
        isMultiplier: Bool = false
    ) throws -> Parameter {
        if let outline {
            let type = shape.count == 1 ? precision.compute : precision.storage
            let tensor = try outline.parameter(scope + name, shape, initial, type)
            return Parameter(parameterPrefix + scope + name, tensor)
        }
        guard let written = spelling(name), let index = fileByName[written] else {
            throw InputError(
                "the model needs this tensor, which is missing",
                at: Place(path: folder.string, field: prefix + scope + name))
        }
        let file = files[index]
        guard let entry = file[written], entry.shape == shape, entry.type.isFloatingPoint else {
            let found = file[written].map { "\($0.shape) of \($0.type)" } ?? "nothing"
            throw InputError(
                "shape \(shape) of numbers belongs here, not \(found)",
                at: Place(path: file.path.string, field: written))
        }
        asked.names.insert(written)
        guard try mayBeInfinite || file.isFinite(written) else {
            throw InputError(
                "the tensor holds a number that is not finite", at: Place(path: file.path.string, field: written),
                advice: "The checkpoint is damaged, or its training diverged.")
        }
        let place = try file.place(of: written)
        // Tables and kernels are read in ways of their own, for which they must be on the GPU.
        let isStreamed = residency == .streamed && shape.count > 1 && (device == .cpu || isMultiplier)
        if isStreamed {
            place.leaveMemory()
            return Parameter(
                parameterPrefix + scope + name, try streamed(written, entry.type, of: file), storage: precision.storage,
                place: place, isStreamed: true, device: device)
        }
        // What is not multiplied by is small, and computed with as it is.
        let rounded = try file.tensor(written).rounded(
            to: precision.storage, device, name: "\(file.path): \(written)")
        let kept = shape.count == 1 ? try rounded.to(precision.compute) : rounded
        let isMapped = kept.elementType == entry.type && device == .cpu && rounded.elementType == entry.type
        if !isMapped { place.leaveMemory() }
        return Parameter(
            parameterPrefix + scope + name, kept, storage: precision.storage, place: isMapped ? place : nil)
    }

    /// - Throws: `Failure` where the file's numbers would have to be rounded, each time that they are read.
    private func streamed(_ written: String, _ type: ElementType, of file: SafetensorsFile) throws -> Tensor {
        guard type == precision.storage || (type.byteCount == 2 && precision.storage == .float32) else {
            throw Failure(
                .usage,
                "\(file.path): \(written) is of \(type), and weights that are streamed are used as they lie in the file, "
                    + "not rounded to \(precision.storage)",
                advice: type == .float64
                    ? "Keep the weights resident, or convert them to float32."
                    : "Compute in \(type == .float32 ? "" : "float32 or in ")\(type), or keep the weights resident.")
        }
        return try file.tensor(written)
    }

    /// What numbers are clipped to: two tensors without dimensions, of which either may be infinite.
    ///
    /// - Throws: `InputError` also where they are no range.
    func limits(_ minimum: String, _ maximum: String) throws -> (range: ClosedRange<Double>, parameters: [Parameter]) {
        let parameters = try [(minimum, -Double.infinity), (maximum, .infinity)].map {
            try parameter($0, [], .constant($1), mayBeInfinite: true)
        }
        let values = try parameters.map { try $0.tensor.to(.float64).item() }
        guard values[0] <= values[1] else {
            throw InputError(
                "numbers cannot be clipped to \(values[0]) and more, and to \(values[1]) and less",
                at: Place(path: folder.string, field: spelling(minimum)), exitStatus: .badData)
        }
        return (values[0]...values[1], parameters)
    }

    /// A linear layer's weight `[O, I]` and, where it has one, bias `[O]`.
    func linear(_ name: String, _ inputSize: Int, _ outputSize: Int, bias: Bool = true) throws -> Linear {
        Linear(
            scope + name,
            weight: try parameter(name + ".weight", [outputSize, inputSize], nil, isMultiplier: true),
            bias: bias ? try parameter(name + ".bias", [outputSize]) : nil)
    }

    /// Says that no vector depends on a part of the model, as `vision_tower.`, whose tensors may be there or not.
    func leave(_ part: String) { asked.unusedParts.append(scope + part) }

    private func isLeft(_ written: String) -> Bool {
        let name = names.canonical(written)
        return asked.unusedParts.contains { name.hasPrefix($0) }
    }

    /// The tensors of the parts that no vector depends on, as they lie in the files.
    func unusedParts() throws -> [(name: String, tensor: Tensor)] {
        try fileByName.keys.filter { isLeft($0) }.sorted().map { ($0, try files[fileByName[$0]!].tensor($0)) }
    }

    /// - Throws: `InputError` that lists tensors nobody asked for and nobody knows.
    func finish() throws {
        let rest = fileByName.keys.filter { !asked.names.contains($0) && !names.isUnusedTensor($0) && !isLeft($0) }
            .sorted()
        guard let first = rest.first else { return }
        let others =
            rest.count > 1
            ? ", nor do \(rest.count - 1) others (\(rest.dropFirst().prefix(4).joined(separator: ", ")))" : ""
        throw InputError(
            "this tensor does not belong to the model that config.json describes\(others)",
            at: Place(path: folder.string, field: first))
    }
}

internal import Base
internal import JSON
internal import Tensors

/// A DINOv2 that PyTorch exported to ONNX, under `backbone.` beside another part that works on its rows.
///
/// The exporter turned the matrices of linear layers over and took their names; what is added to a product tells whose it is.
/// The table of places is divided into the one for the whole picture and a square of all others.
///
/// Source: transformers 5.24, `Dinov2Model`.
struct DINOv2Conversion {
    private let source: ONNXFile
    private let imageSide: Int?
    private var stored: ForeignTensors
    private var tensors: [(name: String, tensor: Tensor)] = []

    private static let prefix = "backbone."
    /// Of all published DINOv2s.
    private static let headSize = 64

    init(_ source: ONNXFile, imageSide: Int?) {
        self.source = source
        self.imageSide = imageSide
        stored = ForeignTensors(source.file, source.tensors)
    }

    func tower() throws -> ConvertedTower {
        var conversion = self
        return try conversion.convert()
    }

    private mutating func convert() throws -> ConvertedTower {
        let patches = Self.prefix + "embeddings.patch_embeddings.projection.weight"
        guard case let shape = try stored.shape(patches), shape.count == 4, shape[1] == 3, shape[2] == shape[3],
            case let inner = try stored.shape(Self.prefix + "encoder.layer.0.mlp.fc1.bias"), inner.count == 1,
            shape[0] > 0, shape[2] > 0, shape[0].isMultiple(of: Self.headSize), inner[0] > 0,
            inner[0].isMultiple(of: shape[0])
        else { throw source.file.fault("weights of shapes that no DINOv2 has", at: 0, field: patches) }
        let (size, patchSide, innerSize) = (shape[0], shape[2], inner[0])
        let matrices = try self.matrices()

        try take("embeddings.cls_token", [1, 1, size])
        try take("embeddings.patch_embeddings.projection.weight", shape)
        try take("embeddings.patch_embeddings.projection.bias", [size])
        let placesPerSide = try takePlaces(size)
        var layerCount = 0
        while (try? stored.shape(Self.prefix + "encoder.layer.\(layerCount).norm1.weight")) != nil {
            try takeLayer("encoder.layer.\(layerCount)", size, innerSize, matrices)
            layerCount += 1
        }
        try take("layernorm.weight", [size])
        try take("layernorm.bias", [size])
        // The other part of the model makes a map of pictures.
        stored.passOver { $0.hasPrefix("decoder.") }
        try stored.refuseUnread()
        return ConvertedTower(
            tensors: tensors,
            configuration: [
                "architectures": ["Dinov2Model"], "model_type": "dinov2", "dtype": "float32",
                "hidden_size": JSONValue(size), "num_hidden_layers": JSONValue(layerCount),
                "num_attention_heads": JSONValue(size / Self.headSize), "mlp_ratio": JSONValue(innerSize / size),
                "hidden_act": "gelu", "image_size": JSONValue(placesPerSide * patchSide),
                "patch_size": JSONValue(patchSide), "num_channels": 3, "qkv_bias": true,
                "layer_norm_eps": .number(try epsilon()), "use_swiglu_ffn": false, "use_mask_token": false,
            ],
            preprocessor: try preprocessor(patchSide))
    }

    private func preprocessor(_ patchSide: Int) throws -> JSONObject {
        if let imageSide, imageSide < patchSide || !imageSide.isMultiple(of: patchSide) {
            throw Failure(.usage, "--image-side \(imageSide): a multiple of \(patchSide) is needed, which a patch has")
        }
        let side = JSONValue(imageSide ?? 224)
        return [
            "image_processor_type": "BitImageProcessor", "do_convert_rgb": true, "do_resize": true,
            "size": ["shortest_edge": JSONValue(imageSide ?? 256)], "resample": 3, "do_center_crop": true,
            "crop_size": ["height": side, "width": side], "do_rescale": true, "rescale_factor": .number(1.0 / 255),
            "do_normalize": true, "image_mean": [.number(0.485), .number(0.456), .number(0.406)],
            "image_std": [.number(0.229), .number(0.224), .number(0.225)],
        ]
    }

    /// The matrix that each bias is added to the product with, by the name of the bias.
    private func matrices() throws -> [String: String] {
        let known = Set(stored.names)
        var products: [String: String] = [:]
        for node in source.nodes where node.operation == "MatMul" && node.inputs.count == 2 {
            guard known.contains(node.inputs[1]), let output = node.outputs.first else { continue }
            products[output] = node.inputs[1]
        }
        var matrices: [String: String] = [:]
        for node in source.nodes where node.operation == "Add" && node.inputs.count == 2 {
            for (bias, product) in [(0, 1), (1, 0)].map({ (node.inputs[$0], node.inputs[$1]) }) {
                guard known.contains(bias), let matrix = products[product] else { continue }
                guard matrices.updateValue(matrix, forKey: bias) == nil else {
                    throw source.file.fault("a bias of two products", at: 0, field: bias)
                }
            }
        }
        return matrices
    }

    /// - Returns: places along a side.
    private mutating func takePlaces(_ size: Int) throws -> Int {
        func operand(_ operation: String, _ fits: ([Int]) -> Bool) throws -> (name: String, shape: [Int]) {
            let found = try Set(
                source.nodes.filter { $0.operation == operation }.compactMap(\.inputs.first)
                    .filter { !$0.hasPrefix(Self.prefix) && stored.names.contains($0) }
            ).map { ($0, try stored.shape($0)) }.filter { fits($0.1) }
            guard found.count == 1 else {
                throw source.file.fault(
                    "\(found.count) tables of places where one is expected", at: 0, field: operation)
            }
            return found[0]
        }
        let whole = try operand("Concat") { $0 == [1, 1, size] }
        let others = try operand("Reshape") { $0.count == 3 && $0[0] == 1 && $0[2] == size }
        let side = Int(Double(others.shape[1]).squareRoot())
        guard side > 0, side * side == others.shape[1] else {
            throw source.file.fault("\(others.shape[1]) places, which make no square", at: 0, field: others.name)
        }
        let table = try Tensor.cat(
            [
                stored.take(whole.name, whole.shape, .float32), stored.take(others.name, others.shape, .float32),
            ], 1)
        tensors.append(("embeddings.position_embeddings", table))
        return side
    }

    private mutating func takeLayer(
        _ layer: String, _ size: Int, _ innerSize: Int, _ matrices: [String: String]
    ) throws {
        for norm in ["norm1", "norm2"] {
            try take("\(layer).\(norm).weight", [size])
            try take("\(layer).\(norm).bias", [size])
        }
        try take("\(layer).layer_scale1.lambda1", [size])
        try take("\(layer).layer_scale2.lambda1", [size])
        for (name, outputs, inputs) in [
            ("attention.attention.query", size, size), ("attention.attention.key", size, size),
            ("attention.attention.value", size, size), ("attention.output.dense", size, size),
            ("mlp.fc1", innerSize, size), ("mlp.fc2", size, innerSize),
        ] {
            let bias = "\(layer).\(name).bias"
            try take(bias, [outputs])
            guard let matrix = matrices[Self.prefix + bias] else {
                throw source.file.fault("nothing is multiplied with before this bias is added", at: 0, field: bias)
            }
            let weight = try stored.take(matrix, [inputs, outputs], .float32).transpose(0, 1).contiguous()
            tensors.append(("\(layer).\(name).weight", weight))
        }
    }

    private mutating func take(_ name: String, _ shape: [Int]) throws {
        tensors.append((name, try stored.take(Self.prefix + name, shape, .float32)))
    }

    /// What norms add to a variance before its root: to six digits, as the number is rounded to float32 in the file.
    private func epsilon() throws -> Double {
        var constants: [String: Float] = [:]
        for node in source.nodes where node.operation == "Constant" {
            if let value = node.constant, let output = node.outputs.first { constants[output] = value }
        }
        let roots = Set(source.nodes.filter { $0.operation == "Sqrt" }.compactMap(\.inputs.first))
        var found: Set<Float> = []
        for node in source.nodes where node.operation == "Add" && roots.contains(node.outputs.first ?? "") {
            found.formUnion(node.inputs.compactMap { constants[$0] })
        }
        guard found.count == 1, let value = found.first, value > 0, value < 1 else {
            throw source.file.fault("\(found.count) numbers that norms add to a variance; one is expected", at: 0)
        }
        // The shortest decimal of a float32 is what it was written as.
        return Double("\(value)") ?? Double(value)
    }
}

import Base
import ForeignWeights
import JSON
import SystemPackage
import Tensors
import TestKit
import Testing

/// Towers that other programs wrote: their tensors against those of transformers, and damaged files of theirs.
struct ForeignWeightsTests {
    let golden = Golden()
    static let sources = ["whisper.bin", "dinov2.onnx"]

    func tower(_ bytes: [UInt8], _ options: ConversionOptions = ConversionOptions()) throws -> ConvertedTower {
        try ConvertedTower(ForeignFile(bytes: bytes, path: "weights"), options)
    }

    @Test(arguments: sources)
    func tensorsAreThoseOfTransformers(source: String) throws {
        let tower = try tower(golden.bytes(source))
        let name = source.split(separator: ".")[0] + ".json"
        let wanted = try #require(JSONValue.parse(golden.bytes(String(name)), path: String(name)).object)
        #expect(tower.tensors.map(\.name).sorted() == wanted.map(\.0).sorted())
        for (name, tensor) in tower.tensors {
            let digest = try tensor.contiguous().withUnsafeBytes { SHA256Digest.of($0) }
            #expect(wanted[name]?["sha256"]?.string == digest.hex, "\(name)")
            #expect(wanted[name]?["shape"] == .array(tensor.shape.map { JSONValue($0) }), "\(name)")
            #expect(wanted[name]?["type"]?.string == "\(tensor.elementType)", "\(name)")
        }
    }

    @Test func configurationsSayWhatTheWeightsAre() throws {
        let whisper = try tower(golden.bytes("whisper.bin")).configuration
        #expect(whisper["d_model"] == 64 && whisper["encoder_layers"] == 2 && whisper["encoder_ffn_dim"] == 96)
        #expect(whisper["max_source_positions"] == 100 && whisper["num_mel_bins"] == 8)
        let dinov2 = try tower(golden.bytes("dinov2.onnx")).configuration
        #expect(dinov2["hidden_size"] == 64 && dinov2["num_hidden_layers"] == 2 && dinov2["mlp_ratio"] == 2)
        #expect(dinov2["image_size"] == 12 && dinov2["patch_size"] == 4 && dinov2["layer_norm_eps"] == 1e-6)
    }

    @Test(arguments: sources)
    func partsAreOneFile(source: String) throws {
        let bytes = try golden.bytes(source)
        let temporary = try TemporaryFolder()
        let parts = [
            try temporary.write(Array(bytes[..<1001]), to: "part1"),
            try temporary.write(Array(bytes[1001...]), to: "part2"),
        ]
        let tower = try ConvertedTower(ForeignFile(parts: parts))
        let whole = try self.tower(bytes)
        #expect(try tower.tensors.map { try $0.tensor.digest() } == whole.tensors.map { try $0.tensor.digest() })
        #expect(throws: InputError.self) { try ConvertedTower(ForeignFile(parts: parts.reversed())) }
        #expect(throws: InputError.self) { try ConvertedTower(ForeignFile(parts: [parts[0]])) }
    }

    @Test func shorterPiecesKeepTheFirstPositions() throws {
        var options = ConversionOptions()
        options.pieceSeconds = 1
        let bytes = try golden.bytes("whisper.bin")
        let (tower, whole) = (try tower(bytes, options), try tower(bytes))
        #expect(tower.configuration["max_source_positions"] == 50)
        #expect(tower.preprocessor["n_samples"] == 16_000 && tower.preprocessor["nb_max_frames"] == 100)
        let name = "model.encoder.embed_positions.weight"
        let positions = try #require(tower.tensors.first { $0.name == name }).tensor
        let all = try #require(whole.tensors.first { $0.name == name }).tensor
        #expect(positions.shape == [50, 64])
        #expect(try positions.digest() == all.narrow(0, start: 0, length: 50).digest())
        options.pieceSeconds = 3
        #expect(throws: Failure.self) { try self.tower(bytes, options) }
    }

    @Test func imagesOfOtherSizes() throws {
        var options = ConversionOptions()
        options.imageSide = 8
        let bytes = try golden.bytes("dinov2.onnx")
        let preprocessor = try tower(bytes, options).preprocessor
        #expect(preprocessor["size"] == ["shortest_edge": 8])
        #expect(preprocessor["crop_size"] == ["height": 8, "width": 8])
        options.imageSide = 10
        #expect(throws: Failure.self) { try self.tower(bytes, options) }
    }

    @Test func optionsThatFindNothingAreRefused() throws {
        var (images, sounds) = (ConversionOptions(), ConversionOptions())
        (images.imageSide, sounds.pieceSeconds) = (8, 1)
        #expect(throws: Failure.self) { try tower(golden.bytes("whisper.bin"), images) }
        #expect(throws: Failure.self) { try tower(golden.bytes("dinov2.onnx"), sounds) }
    }

    @Test(arguments: [
        ("whisper.bin", "encoder/conv1/bias", "encoder/conv9/bias", "encoder/conv1/bias"),
        ("whisper.bin", "encoder/layer_1/ffn/linear_1/bias", "encoder/layer_1/ffn/linear_7/bias", "linear_1/bias"),
        ("whisper.bin", "decoder/scale_embeddings", "decodes/scale_embeddings", "decodes/scale_embeddings"),
        ("whisper.bin", "WhisperSpec", "WhisperSpic", "WhisperSpic"),
        ("dinov2.onnx", "backbone.layernorm.bias", "backbone.layernorm.bios", "backbone.layernorm.bias"),
        ("dinov2.onnx", "decoder.weight", "decodes.weight", "decodes.weight"),
    ])
    func tensorsThatDoNotBelongAreNamed(source: String, name: String, other: String, named: String) throws {
        let bytes = try golden.bytes(source).replacing(Array(name.utf8), with: Array(other.utf8))
        let error = try #require(throws: InputError.self) { try tower(bytes) }
        #expect(error.description.contains(named), "\(error)")
    }

    @Test func versionsAreChecked() throws {
        var whisper = try golden.bytes("whisper.bin")
        // Behind the version, and the name with its length.
        whisper[4 + 2 + 12] = 9
        #expect(throws: InputError.self) { try tower(whisper) }
        var dinov2 = try golden.bytes("dinov2.onnx")
        #expect(dinov2[0] == 8)
        dinov2[1] = 99
        #expect(throws: InputError.self) { try tower(dinov2) }
        #expect(throws: InputError.self) { try tower([5, 0, 0, 0]) }
        #expect(throws: InputError.self) { try tower([]) }
    }

    @Test(arguments: sources)
    func everyTruncationIsAnError(source: String) throws {
        let bytes = try golden.bytes(source)
        var generator = SplitMix64(seed: 5)
        let lengths = Array(0..<300) + (0..<300).map { _ in Int(generator.next(below: UInt64(bytes.count))) }
        for length in lengths {
            #expect(throws: InputError.self, "\(length) bytes") { try tower(Array(bytes[..<length])) }
        }
    }

    @Test(arguments: sources)
    func changedBytesNeverTrap(source: String) throws {
        let bytes = try golden.bytes(source)
        var generator = SplitMix64(seed: 6)
        var refusedCount = 0
        for _ in 0..<400 {
            var changed = bytes
            // Where names, shapes and lengths are denser.
            let bound = generator.next(below: 2) == 0 ? 4000 : UInt64(bytes.count)
            changed[Int(generator.next(below: bound))] ^= UInt8(1 + generator.next(below: 255))
            do { _ = try tower(changed) } catch is InputError { refusedCount += 1 }
        }
        #expect(refusedCount > 20)
    }
}

extension Tensor {
    fileprivate func digest() throws -> SHA256Digest {
        try contiguous().withUnsafeBytes { SHA256Digest.of($0) }
    }
}
